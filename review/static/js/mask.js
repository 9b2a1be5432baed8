// The mask editor: tools, keys, and sending what was drawn.

/* global OpenSeadragon */

import { Caret } from "./caret.js";
import { Ink } from "./ink.js";
import { bind } from "./keys.js";
import { Strokes } from "./strokes.js";
import { problemWith, send } from "./talk.js";
import { addPicture, makeViewer, watchLoading, wireZoom } from "./viewer.js";

const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const page = one("[data-mask-page]");
const data = JSON.parse(one("[data-canvas-data]").dataset.canvasData);
const state = { tool: "paint", size: 24, pointer: null, sent: false };

function setTool(tool) {
  state.tool = tool;
  one("[data-ink]").classList.toggle("is-moving", tool === "move");
  all("[data-tool]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.tool === tool)));
}

function setSize(size) {
  state.size = Math.min(200, Math.max(1, Math.round(size)));
  one("[data-size]").value = state.size;
  one("[data-size-value]").textContent = state.size;
}

function wireDrawing(ink, strokes) {
  const canvas = one("[data-ink]");
  canvas.addEventListener("pointerdown", (event) => {
    // A second finger, or a palm beside the pen, is no brush.
    if (event.button !== 0 || state.tool === "move" || state.pointer !== null) return;
    canvas.setPointerCapture(event.pointerId);
    state.pointer = event.pointerId;
    strokes.begin(state.tool, state.size, ink.toPicture(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== state.pointer) return;
    for (const part of event.getCoalescedEvents?.() ?? [event]) strokes.extend(ink.toPicture(part));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      if (event.pointerId !== state.pointer) return;
      state.pointer = null;
      strokes.end();
    });
  }
}

/** Leaving would throw away what was drawn: the browser asks first. */
function wireLeaving(strokes) {
  addEventListener("beforeunload", (event) => {
    if (strokes.done.length && !state.sent) event.preventDefault();
  });
}

/** The wheel zooms while drawing, too. */
function wireWheel(viewer) {
  one("[data-ink]").addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const bounds = event.currentTarget.getBoundingClientRect();
      const place = viewer.viewport.viewerElementToViewportCoordinates(
        new OpenSeadragon.Point(event.clientX - bounds.left, event.clientY - bounds.top),
      );
      viewer.viewport.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, place);
      viewer.viewport.applyConstraints();
    },
    { passive: false },
  );
}

function wireKeys(strokes, zoom) {
  let before = null;
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || before || event.target.closest("textarea, input, button, a")) return;
    event.preventDefault();
    before = state.tool;
    setTool("move");
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== " " || !before) return;
    setTool(before);
    before = null;
  });
  bind({
    b: () => setTool("paint"),
    e: () => setTool("erase"),
    "[": () => setSize(state.size / 1.25 - 1),
    "]": () => setSize(state.size * 1.25 + 1),
    z: () => strokes.undo(),
    y: () => strokes.redo(),
    "+": zoom.in,
    "=": zoom.in,
    "-": zoom.out,
    0: zoom.fit,
    Escape: () => location.assign(page.dataset.back),
  });
}

/** What is not shown must not be taken for an empty mask. */
function wireMissing() {
  const problem = one("[data-form-problem]");
  return async (address) => {
    if (!problem.hidden) return;
    const words = await problemWith(address);
    if (!words) return;
    problem.textContent = `The mask to start from cannot be shown: ${words}`;
    problem.hidden = false;
  };
}

function wirePanel(ink, pictures) {
  const box = one("[data-threshold-box]");
  const showThreshold = () => box && (box.hidden = ink.base !== "probability");
  all("[data-base]").forEach((radio) =>
    radio.addEventListener("change", () => {
      one("[data-form-problem]").hidden = true;
      ink.setBase(radio.value);
      showThreshold();
    }),
  );
  one("[data-threshold]")?.addEventListener("input", (event) => {
    one("[data-threshold-value]").textContent = `${event.target.value} %`;
    ink.setThreshold(event.target.value / 100);
  });
  one("[data-opacity]").addEventListener("input", (event) => {
    ink.opacity = event.target.value / 100;
    ink.request();
  });
  all("[data-picture]").forEach((radio) =>
    radio.addEventListener("change", () => {
      for (const [name, image] of Object.entries(pictures)) image.setOpacity(name === radio.value ? 1 : 0);
    }),
  );
  showThreshold();
}

function wireSending(ink, strokes) {
  const form = one("[data-mask-form]");
  const problem = one("[data-form-problem]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = one("[data-save]");
    button.disabled = true;
    problem.hidden = true;
    try {
      const answer = await send(form.getAttribute("action"), {
        base: ink.base,
        threshold: ink.threshold,
        strokes: strokes.toJSON(),
        reason: form.elements.reason.value,
        output_sha256: form.elements.output_sha256.value,
        seen_review: form.elements.seen_review.value ? Number(form.elements.seen_review.value) : null,
      });
      state.sent = true;
      location.assign(answer.next);
    } catch (error) {
      problem.textContent = error.message;
      // Who has been told how the photo stands now may ask for a redo all the same.
      if (error.answer?.item) form.elements.seen_review.value = error.answer.last_review ?? "";
      problem.hidden = false;
      button.disabled = false;
    }
  });
}

async function open() {
  const viewer = makeViewer(one("[data-canvas]"));
  watchLoading(viewer, one("[data-busy]"), one("[data-problem]"));
  const pictures = { picture: await addPicture(viewer, data, data.picture) };
  if (data.result) pictures.result = await addPicture(viewer, data, data.result, { opacity: 0 });
  viewer.viewport.goHome(true);
  const strokes = new Strokes(() => {
    ink.request();
    one("[data-stroke-undo]").disabled = strokes.done.length === 0;
    one("[data-stroke-redo]").disabled = strokes.undone.length === 0;
  });
  const ink = new Ink(one("[data-ink]"), viewer, data, strokes, wireMissing());
  const zoom = wireZoom(viewer, document);
  all("[data-tool]").forEach((button) => button.addEventListener("click", () => setTool(button.dataset.tool)));
  one("[data-size]").addEventListener("input", (event) => setSize(Number(event.target.value)));
  one("[data-stroke-undo]").addEventListener("click", () => strokes.undo());
  one("[data-stroke-redo]").addEventListener("click", () => strokes.redo());
  wireDrawing(ink, strokes);
  new Caret(ink, strokes, () => state, one("[data-said]"));
  wireLeaving(strokes);
  wireWheel(viewer);
  wireKeys(strokes, zoom);
  wirePanel(ink, pictures);
  wireSending(ink, strokes);
  setSize(Math.max(8, Math.round(Math.max(data.width, data.height) / 60)));
  ink.request();
  page.dataset.ready = "yes";
}

open();
