// Talking to the desk and to the person: requests with the session's token, short messages.

const UNREACHED = "The desk cannot be reached.";
const token = (page) => page.querySelector("meta[name=csrf]").content;
const person = (page) => page.querySelector(".who-name")?.textContent;

function post(address, body) {
  return fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token(document) },
    body: JSON.stringify(body),
  });
}

/** Take over the session that the same person began in another tab; returns whether there is one. */
async function renewed() {
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  if (token(page) === token(document) || person(page) !== person(document)) return false;
  document.querySelector("meta[name=csrf]").content = token(page);
  return true;
}

/** Send JSON; returns the answer's JSON, or throws an Error with the desk's own words and its `answer`. */
export async function send(address, body) {
  let response;
  try {
    response = await post(address, body);
    if (response.status === 403 && (await renewed())) response = await post(address, body);
  } catch {
    throw new Error(`${UNREACHED} Try again in a moment.`);
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(answer.problem ?? `The desk answered ${response.status}.`), { answer });
  return answer;
}

/** Ask why an address cannot be shown; returns the desk's own words. */
export async function problemWith(address) {
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    if (response.ok) return null;
    return (await response.json()).problem ?? null;
  } catch {
    return UNREACHED;
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
