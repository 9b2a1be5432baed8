// The place in the queue: who comes back to it from a photo finds that photo again, or the one now in its place.

import { newest } from "./trail.js";

const KEY = "place";
const here = () => location.pathname + location.search;
const cards = () => [...document.querySelectorAll("[data-card] .card-link")];

/** Note which queue this is, how many of its photos are shown, and at which of them the person is. */
function leave() {
  const all = cards();
  sessionStorage.setItem(KEY, JSON.stringify({ queue: here(), shown: all.length, at: all.indexOf(document.activeElement) }));
}

/** Show further photos until there are enough or the wanted one is there; a queue that ends, or a desk that fails, ends it. */
async function shown(enough, wanted) {
  for (;;) {
    const all = cards();
    const more = document.querySelector(".more .button");
    if (all.length >= enough || all.some(wanted) || !more) return all;
    const settled = new Promise((resolve) => {
      for (const end of ["htmx:afterSettle", "htmx:responseError", "htmx:sendError"]) {
        document.addEventListener(end, () => resolve(end), { once: true });
      }
    });
    // It may be on its way already: what comes into view is shown.
    if (!more.classList.contains("htmx-request")) more.click();
    if ((await settled) !== "htmx:afterSettle") return all;
  }
}

/** Whether a photo led here, or the browser's way back, on which the referrer is still that of the first visit. */
function isReturn() {
  const [navigation] = performance.getEntriesByType("navigation");
  return navigation?.type === "back_forward" || /^\/photo\/\d+/.test(new URL(document.referrer || location).pathname);
}

async function comeBack() {
  const left = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  if (left?.queue !== here() || !isReturn()) return;
  const photo = newest();
  const isPhoto = (card) => card.getAttribute("href") === photo;
  const all = await shown(left.shown, isPhoto);
  const card = all.find(isPhoto) ?? all[Math.min(left.at, all.length - 1)];
  // Who has begun to do something else meanwhile is not interrupted.
  if (!card || document.activeElement !== document.body) return;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "center" });
}

/** Keep the place of the queue on this page. */
export function keepPlace() {
  addEventListener("pagehide", leave);
  addEventListener("load", comeBack);
}
