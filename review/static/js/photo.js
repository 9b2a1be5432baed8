// A photo's page: the viewer, its controls and keys, and the decision.

/* global OpenSeadragon */

import { Comparison } from "./compare.js";
import { wireDecision } from "./decide.js";
import { bind } from "./keys.js";
import { tell } from "./talk.js";
import { before, visit } from "./trail.js";
import { makeViewer, watchLoading, wireZoom } from "./viewer.js";

const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const here = location.pathname + location.search;

function wirePeeking(comparison) {
  let mode = null;
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.repeat || mode || !isPage(event.target)) return;
    event.preventDefault();
    mode = comparison.mode;
    comparison.setMode("scan");
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== " " || !mode) return;
    comparison.setMode(mode);
    mode = null;
  });
}

const isPage = (element) => !element.closest("button, a, textarea, input, summary, select, dialog");

function wireControls(comparison, viewer) {
  const press = (buttons, chosen) => buttons.forEach((button) => button.setAttribute("aria-pressed", String(button === chosen)));
  const modes = all("[data-mode]");
  const tiers = all("[data-tier]");
  const setMode = async (mode) => {
    await comparison.setMode(mode);
    press(modes, modes.find((button) => button.dataset.mode === comparison.mode));
  };
  const setTier = async (name) => {
    await comparison.setTier(name);
    press(tiers, tiers.find((button) => button.dataset.tier === comparison.tier));
  };
  const toggle = async (name) => {
    await comparison.toggleOverlay(name);
    one(`[data-overlay="${name}"]`)?.setAttribute("aria-pressed", String(comparison.shown.has(name)));
  };
  modes.forEach((button) => button.addEventListener("click", () => setMode(button.dataset.mode)));
  tiers.forEach((button) => button.addEventListener("click", () => setTier(button.dataset.tier)));
  all("[data-overlay]").forEach((button) => button.addEventListener("click", () => toggle(button.dataset.overlay)));
  one("[data-slider]").addEventListener("input", (event) => comparison.setShare(event.target.value / 100));
  one("[data-opacity]")?.addEventListener("input", (event) => comparison.setOpacity(event.target.value / 100));
  const zoom = wireZoom(viewer, document);
  bind({
    c: () => setMode("compare"),
    s: () => setMode("side"),
    b: () => setMode("scan"),
    n: () => setMode("result"),
    m: () => toggle("mask"),
    p: () => toggle("probability"),
    "+": zoom.in,
    "=": zoom.in,
    "-": zoom.out,
    0: zoom.fit,
    f: zoom.full,
    ...Object.fromEntries(tiers.map((button, index) => [String(index + 1), () => setTier(button.dataset.tier)])),
  });
  all("[data-look]").forEach((button) => button.addEventListener("click", () => lookAt(viewer, JSON.parse(button.dataset.look))));
}

/** Zoom to a face. */
function lookAt(viewer, [x, y, width, height]) {
  const image = viewer.world.getItemAt(0);
  const margin = Math.max(width, height) * 0.4;
  const area = new OpenSeadragon.Rect(x - margin, y - margin, width + 2 * margin, height + 2 * margin);
  viewer.viewport.fitBounds(image.imageToViewportRectangle(area));
  one("[data-views]").scrollIntoView({ block: "nearest" });
}

function wireWay() {
  visit(here);
  const goBack = (event) => {
    const target = before(here);
    if (target === null) return;
    event?.preventDefault();
    location.assign(target);
  };
  one("[data-previous]").addEventListener("click", goBack);
  bind({
    j: () => one("[data-next]").click(),
    k: () => one("[data-previous]").click(),
    "g q": () => one("[data-queue-link]").click(),
    e: () => one("[data-edit-mask]")?.click(),
  });
}

/** Somebody coming back to a page that has been open for a while learns at once if it is out of date. */
function wireFreshness(form) {
  const seen = form.elements.seen_review.value;
  document.addEventListener("visibilitychange", async () => {
    if (document.visibilityState !== "visible" || form.dataset.sent) return;
    const response = await fetch(`${location.pathname}/standing`, { headers: { Accept: "application/json" } });
    if (!response.ok) return;
    const { last_review: now } = await response.json();
    if (String(now ?? "") !== seen) tell("Somebody has decided on this photo meanwhile. Reload the page to see it.");
  });
}

/** Let the desk prepare the next photo while this one is looked at. */
function warmNext() {
  const addresses = JSON.parse(one("[data-photo-page]").dataset.warm);
  const begin = window.requestIdleCallback ?? ((run) => setTimeout(run, 400));
  begin(() => addresses.forEach((address) => (new Image().src = address)));
}

async function openStage() {
  const root = one("[data-stage]");
  const stage = JSON.parse(root.dataset.stage);
  const busy = one("[data-busy]");
  const problem = one("[data-problem]");
  if (!stage.width || !(stage.scan || stage.results.length)) {
    busy.hidden = true;
    problem.textContent = "There is no picture to show.";
    problem.hidden = false;
    one("[data-view=main]").hidden = true;
    return;
  }
  const viewer = makeViewer(one("[data-canvas]"));
  watchLoading(viewer, busy, problem);
  const comparison = new Comparison(viewer, stage, root);
  await comparison.open();
  wireControls(comparison, viewer);
  wirePeeking(comparison);
  root.dataset.ready = "yes";
}

wireWay();
const form = one("[data-decide-form]");
if (form) {
  wireDecision(form);
  wireFreshness(form);
}
openStage().then(warmNext);
