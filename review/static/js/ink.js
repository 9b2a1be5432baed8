// Draws the mask over the viewer: its base from tiles, cut at a threshold where asked, and the strokes on top.

/* global OpenSeadragon */

import { scaleOf } from "./viewer.js";

const COLOUR = [226, 61, 22];
const KEPT_TILES = 400;

export class Ink {
  /** `missed` is called with the address of a tile that does not come, as often as a base is chosen. */
  constructor(canvas, viewer, data, strokes, missed) {
    Object.assign(this, { canvas, viewer, data, strokes, missed });
    this.base = "mask";
    this.threshold = 0.5;
    this.opacity = 0.65;
    this.tiles = new Map();
    this.layer = document.createElement("canvas");
    this.maxLevel = Math.ceil(Math.log2(Math.max(data.width, data.height, 1)));
    this.pending = false;
    /** Where a brush is that keys move, and its size; null where there is none. */
    this.caret = () => null;
    viewer.addHandler("update-viewport", () => this.request());
    viewer.addHandler("resize", () => this.request());
  }

  /** Draw at the next frame. */
  request() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  setBase(name) {
    this.base = name;
    this.forget();
    this.request();
  }

  /** Ask again for tiles that did not come. */
  forget() {
    for (const [address, tile] of this.tiles) if (tile.failed) this.tiles.delete(address);
  }

  setThreshold(value) {
    this.threshold = value;
    for (const tile of this.tiles.values()) tile.cut = null;
    this.request();
  }

  draw() {
    const ratio = devicePixelRatio;
    const [width, height] = [this.canvas.clientWidth * ratio, this.canvas.clientHeight * ratio].map(Math.round);
    for (const one of [this.canvas, this.layer]) {
      if (one.width !== width || one.height !== height) Object.assign(one, { width, height });
    }
    const context = this.layer.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const scale = scaleOf(this.viewer) * ratio;
    const origin = this.toScreen(0, 0);
    context.setTransform(scale, 0, 0, scale, origin.x * ratio, origin.y * ratio);
    context.imageSmoothingEnabled = scale < 1;
    if (this.base !== "empty") this.drawBase(context, scale);
    this.drawStrokes(context);
    const target = this.canvas.getContext("2d");
    target.clearRect(0, 0, width, height);
    target.globalAlpha = this.opacity;
    target.drawImage(this.layer, 0, 0);
    target.globalAlpha = 1;
    this.drawCaret(target, scale, ratio);
  }

  /** A ring of light on dark shows on any picture. */
  drawCaret(context, scale, ratio) {
    const caret = this.caret();
    if (!caret) return;
    const { x, y } = this.toScreen(...caret.point);
    const radius = Math.max(4 * ratio, (caret.size * scale) / 2);
    for (const [colour, width] of [["#000", 4], ["#fff", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = width * ratio;
      context.beginPath();
      context.arc(x * ratio, y * ratio, radius, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  toScreen(x, y) {
    return this.viewer.world.getItemAt(0).imageToViewerElementCoordinates(new OpenSeadragon.Point(x, y));
  }

  /** Where on the picture a pointer is. */
  toPicture(event) {
    const bounds = this.canvas.getBoundingClientRect();
    const place = new OpenSeadragon.Point(event.clientX - bounds.left, event.clientY - bounds.top);
    const point = this.viewer.world.getItemAt(0).viewerElementToImageCoordinates(place);
    return [point.x, point.y];
  }

  drawBase(context, scale) {
    const level = Math.min(this.maxLevel, Math.max(Math.min(8, this.maxLevel), this.maxLevel + Math.ceil(Math.log2(scale))));
    const size = 2 ** (this.maxLevel - level);
    const step = this.data.tileSize * size;
    const [left, top] = this.corner(0, 0);
    const [right, bottom] = this.corner(this.canvas.clientWidth, this.canvas.clientHeight);
    for (let row = Math.floor(top / step); row * step < bottom; row += 1) {
      for (let column = Math.floor(left / step); column * step < right; column += 1) {
        const tile = this.tile(level, column, row);
        if (!tile) continue;
        const x = column * step - (column > 0 ? this.data.overlap * size : 0);
        const y = row * step - (row > 0 ? this.data.overlap * size : 0);
        context.drawImage(tile, x, y, tile.width * size, tile.height * size);
      }
    }
  }

  corner(x, y) {
    const point = this.viewer.world.getItemAt(0).viewerElementToImageCoordinates(new OpenSeadragon.Point(x, y));
    return [Math.min(this.data.width, Math.max(0, point.x)), Math.min(this.data.height, Math.max(0, point.y))];
  }

  /** The coloured tile, or null while it is on its way. */
  tile(level, column, row) {
    const address = `${this.data.bases[this.base]}${level}/${column}_${row}`;
    const found = this.tiles.get(address);
    if (found) {
      if (found.loaded && !found.cut) found.cut = this.cut(found.image);
      return found.cut;
    }
    const image = new Image();
    const entry = { image, cut: null, loaded: false, failed: false };
    this.tiles.set(address, entry);
    if (this.tiles.size > KEPT_TILES) this.tiles.delete(this.tiles.keys().next().value);
    image.addEventListener("load", () => {
      entry.loaded = true;
      this.request();
    });
    image.addEventListener("error", () => {
      entry.failed = true;
      this.missed(address);
    });
    image.src = address;
    return null;
  }

  /** A tile's values at or above the threshold, in the mask's colour. */
  cut(image) {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: image.naturalWidth, height: image.naturalHeight });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
    const least = this.base === "probability" ? Math.max(1, Math.round(this.threshold * 255)) : 128;
    for (let at = 0; at < pixels.data.length; at += 4) {
      const inside = pixels.data[at] >= least;
      pixels.data.set(inside ? [...COLOUR, 255] : [0, 0, 0, 0], at);
    }
    context.putImageData(pixels, 0, 0);
    return canvas;
  }

  drawStrokes(context) {
    context.lineCap = "round";
    context.lineJoin = "round";
    context.strokeStyle = context.fillStyle = `rgb(${COLOUR.join(" ")})`;
    for (const { tool, size, points } of this.strokes.done) {
      context.globalCompositeOperation = tool === "paint" ? "source-over" : "destination-out";
      context.lineWidth = size;
      context.beginPath();
      context.moveTo(...points[0]);
      for (const point of points.length > 1 ? points.slice(1) : points) context.lineTo(...point);
      context.stroke();
    }
    context.globalCompositeOperation = "source-over";
  }
}
