// Deciding by keyboard or button: approve at once, reject and redo with a reason.

import { bind } from "./keys.js";

const NEEDS_REASON = ["reject", "redo"];

/** Wire the decision's form; `letters` are its keys. */
export function wireDecision(form) {
  const reason = form.querySelector("[data-reason]");
  const button = (decision) => form.querySelector(`[data-decide="${decision}"]`);
  let pending = null;

  function decide(decision) {
    if (NEEDS_REASON.includes(decision) && !reason.value.trim()) {
      pending = decision;
      reason.closest(".reason").classList.add("is-needed");
      reason.placeholder = decision === "reject" ? "Why is it rejected? Enter decides." : "What should be done differently? Enter decides.";
      reason.focus();
      return;
    }
    form.requestSubmit(button(decision));
  }

  form.addEventListener("click", (event) => {
    const suggestion = event.target.closest("[data-suggestion]");
    if (suggestion) {
      reason.value = reason.value ? `${reason.value.trim()}; ${suggestion.dataset.suggestion.toLowerCase()}` : suggestion.dataset.suggestion;
      reason.focus();
    }
    const chosen = event.target.closest("[data-decide]");
    if (chosen && NEEDS_REASON.includes(chosen.value) && !reason.value.trim()) {
      event.preventDefault();
      decide(chosen.value);
    }
  });

  reason.addEventListener("focus", () => reason.closest(".reason").classList.add("is-open"));
  reason.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && pending && reason.value.trim()) {
      event.preventDefault();
      decide(pending);
    }
    if (event.key === "Escape") {
      pending = null;
      reason.closest(".reason").classList.remove("is-needed", "is-open");
      reason.blur();
    }
  });

  // A second press while the first is on its way must not decide twice.
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => delete form.dataset.sent);

  bind({ a: () => decide("approve"), r: () => decide("reject"), d: () => decide("redo") });
}
