// Scan and result in one viewer with a movable boundary, or side by side in several.

/* global OpenSeadragon */

import { addPicture, keepTogether, makeViewer } from "./viewer.js";

/** What is shown of a photo. Modes: compare, side, scan, result. */
export class Comparison {
  constructor(viewer, stage, root) {
    this.viewer = viewer;
    this.stage = stage;
    this.root = root;
    this.mode = stage.scan && stage.results.length ? "compare" : stage.scan ? "scan" : "result";
    this.tier = stage.results[0]?.name;
    this.share = 0.5;
    this.opacity = 0.7;
    this.shown = new Set();
    this.results = new Map();
    this.overlays = new Map();
    this.others = [];
    this.release = () => {};
    this.turn = null;
    this.added = new Map();
    viewer.addHandler("update-viewport", () => this.clip());
  }

  /** Add the pictures, the result shown first below the scan. */
  async open() {
    const { stage, viewer } = this;
    const first = stage.results[0];
    if (first) this.results.set(first.name, await addPicture(viewer, stage, first.url));
    if (stage.scan) this.scan = await addPicture(viewer, stage, stage.scan);
    viewer.viewport.goHome(true);
    this.draw();
  }

  async setMode(mode) {
    if (mode !== "scan" && !this.stage.results.length) return;
    if (mode !== "result" && !this.stage.scan) return;
    const before = this.mode;
    if (before === mode) return;
    this.mode = mode;
    if (before === "side") this.endSide();
    if (mode === "side") await this.beginSide();
    this.draw();
  }

  async setTier(name) {
    const wanted = this.stage.results.find((one) => one.name === name);
    if (!wanted) return;
    this.tier = name;
    if (!this.results.has(name)) this.results.set(name, await this.add(name, wanted.url, { index: 0 }));
    this.draw();
  }

  setShare(share) {
    this.share = share;
    this.draw();
  }

  setOpacity(opacity) {
    this.opacity = opacity;
    this.draw();
  }

  /** Show or hide the mask or the probability. */
  async toggleOverlay(name) {
    if (!this.stage[name]) return;
    if (this.shown.has(name)) this.shown.delete(name);
    else this.shown.add(name);
    if (!this.overlays.has(name)) this.overlays.set(name, await this.add(name, this.stage[name], { opacity: 0 }));
    this.draw();
  }

  /** Add a picture once, however often it is asked for before it is there. */
  add(name, url, options) {
    if (!this.added.has(name)) this.added.set(name, addPicture(this.viewer, this.stage, url, options));
    return this.added.get(name);
  }

  draw() {
    const showsScan = this.mode !== "result";
    const showsResult = this.mode === "compare" || this.mode === "result";
    this.scan?.setOpacity(showsScan ? 1 : 0);
    for (const [name, image] of this.results) image.setOpacity(showsResult && name === this.tier ? 1 : 0);
    for (const [name, image] of this.overlays) image.setOpacity(this.shown.has(name) ? this.opacity : 0);
    this.clip();
    this.drawLabels();
  }

  /** Cut the scan at the boundary, wherever the picture has been moved to. */
  clip() {
    if (!this.scan) return;
    if (this.mode !== "compare") {
      this.scan.setClip(null);
      return;
    }
    const width = this.viewer.container.clientWidth;
    const point = new OpenSeadragon.Point(width * this.share, 0);
    const edge = this.scan.viewerElementToImageCoordinates(point).x;
    const x = Math.min(this.stage.width, Math.max(0, edge));
    this.scan.setOpacity(x > 0 ? 1 : 0);
    if (x > 0) this.scan.setClip(new OpenSeadragon.Rect(0, 0, x, this.stage.height));
  }

  drawLabels() {
    const [left, right] = ["left", "right"].map((side) => this.root.querySelector(`[data-label="${side}"]`));
    const result = this.stage.results.find((one) => one.name === this.tier)?.label ?? "";
    left.hidden = this.mode === "result";
    right.hidden = this.mode !== "compare" && this.mode !== "result";
    right.textContent = result;
    const compares = this.mode === "compare";
    this.root.querySelector("[data-divider]").hidden = !compares;
    this.root.querySelector("[data-divider]").style.left = `${this.share * 100}%`;
    this.root.querySelector("[data-slider]").hidden = !compares;
  }

  /** Open a viewer beside the scan for each tier, all moving together. */
  async beginSide() {
    const views = this.root.querySelector("[data-views]");
    this.keepPlace();
    const turn = (this.turn = {});
    for (const result of this.stage.results) {
      const view = document.createElement("div");
      view.className = "view";
      view.innerHTML = '<div class="view-canvas" role="img"></div><span class="view-label view-label-left"></span>';
      view.querySelector(".view-canvas").setAttribute("aria-label", result.label);
      view.querySelector(".view-label").textContent = result.label;
      views.append(view);
      const viewer = makeViewer(view.querySelector(".view-canvas"));
      this.others.push({ view, viewer });
      await addPicture(viewer, this.stage, result.url);
      // Somebody looks at it in another way by now.
      if (turn !== this.turn) return;
    }
    const all = [this.viewer, ...this.others.map((one) => one.viewer)];
    this.release = keepTogether(all);
  }

  /** Once the viewer has its new size, show what it showed before: all of the picture, or the same part. */
  keepPlace() {
    const { viewport } = this.viewer;
    const isWhole = viewport.getZoom() <= viewport.getHomeZoom() * 1.02;
    const bounds = viewport.getBounds(true);
    this.viewer.addOnceHandler("after-resize", () => {
      if (isWhole) viewport.goHome(true);
      else viewport.fitBounds(bounds, true);
    });
  }

  endSide() {
    this.keepPlace();
    this.release();
    this.release = () => {};
    this.turn = null;
    for (const { view, viewer } of this.others) {
      viewer.destroy();
      view.remove();
    }
    this.others = [];
  }
}
