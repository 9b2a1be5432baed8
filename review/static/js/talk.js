// Talking to the desk and to the person: requests with the session's token, short messages.

const token = () => document.querySelector("meta[name=csrf]").content;

/** Send JSON; returns the answer's JSON, or throws an Error with the desk's own words. */
export async function send(address, body) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token() },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.problem ?? `The desk answered ${response.status}.`);
  return answer;
}

/** Ask why an address cannot be shown; returns the desk's own words. */
export async function problemWith(address) {
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    if (response.ok) return null;
    return (await response.json()).problem ?? null;
  } catch {
    return "The desk cannot be reached.";
  }
}

/** Show a message for a while. */
export function tell(words) {
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.textContent = words;
  document.querySelector("[data-toasts]").append(toast);
  setTimeout(() => toast.remove(), 6000);
}
