// What every page has: theme, help, the last decision's message, the queue's cards.

import { bind } from "./keys.js";
import { keepPlace } from "./place.js";
import { tell } from "./talk.js";

const one = (selector) => document.querySelector(selector);

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

function toggleHelp() {
  const dialog = one("[data-help-dialog]");
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

/** Show the message about the last decision once, and then let it go. */
function showLastDecision() {
  const toast = one("[data-toast]");
  if (!toast) return;
  const seen = sessionStorage.getItem("toast") === toast.dataset.toast;
  sessionStorage.setItem("toast", toast.dataset.toast);
  if (seen) toast.hidden = true;
  else setTimeout(() => (toast.hidden = true), 8000);
}

function undo() {
  const form = one("[data-undo-form]");
  if (form) form.requestSubmit();
  else tell("There is nothing to undo.");
}

// --- cards ---

const cards = () => [...document.querySelectorAll("[data-card] .card-link")];

function step(by) {
  const all = cards();
  if (all.length === 0) return;
  const here = all.indexOf(document.activeElement?.closest?.("[data-card]")?.querySelector(".card-link"));
  const next = all[Math.min(all.length - 1, Math.max(0, here + by))] ?? all[0];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function mark() {
  const box = document.activeElement?.closest?.("[data-card]")?.querySelector("[data-mark]");
  if (!box) return;
  box.checked = !box.checked;
  countMarks();
}

function countMarks() {
  const bar = one("[data-marked-bar]");
  if (!bar) return;
  const marked = document.querySelectorAll("[data-mark]:checked").length;
  bar.hidden = marked === 0;
  one("[data-marked-count]").textContent = `${marked} marked`;
}

function foldFilters() {
  const fold = one("[data-fold]");
  if (fold && matchMedia("(max-width: 900px)").matches) fold.open = false;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-mark]")) countMarks();
});

/** Rejecting many without a reason would be refused by the desk, and the marks would be lost on the way. */
document.addEventListener("submit", (event) => {
  const reason = event.target.querySelector("[data-reason-of-many]");
  if (!reason || !["reject", "redo"].includes(event.submitter?.value) || reason.value.trim()) return;
  event.preventDefault();
  reason.setCustomValidity("Say why: the reason is recorded with every photo.");
  reason.reportValidity();
  reason.addEventListener("input", () => reason.setCustomValidity(""), { once: true });
});

document.addEventListener("click", (event) => {
  // An earlier complaint would hold back what needs no reason.
  if (event.target.closest("button[name=decision]")) one("[data-reason-of-many]")?.setCustomValidity("");
  if (event.target.closest("[data-theme-toggle]")) toggleTheme();
  if (event.target.closest("[data-help]")) toggleHelp();
  if (event.target.closest("[data-close]") || event.target.matches("dialog")) event.target.closest("dialog").close();
  if (event.target.closest("[data-unmark]")) {
    for (const box of document.querySelectorAll("[data-mark]:checked")) box.checked = false;
    countMarks();
  }
});

document.addEventListener("htmx:afterSettle", () => {
  foldFilters();
  countMarks();
});

document.addEventListener("htmx:responseError", (event) => {
  tell(`That did not work (${event.detail.xhr.status}). Reload the page and try again.`);
});

document.addEventListener("htmx:sendError", () => tell("The desk cannot be reached."));

bind({ "?": toggleHelp, t: toggleTheme, u: undo, "g q": () => location.assign("/queue") });
if (one("[data-cards]")) {
  bind({ j: () => step(1), k: () => step(-1), x: mark });
  keepPlace();
}
if (one("[data-search]")) bind({ "/": () => one("[data-search]").focus() });

foldFilters();
countMarks();
showLastDecision();
