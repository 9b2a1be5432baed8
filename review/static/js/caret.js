// Drawing without a pointer: a brush that arrow keys move, and that Enter puts down and lifts.

/* global OpenSeadragon */

const HURRY = 8;
const MARGIN = 24;
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Caret {
  /** `brush` gives the tool and its size; `said` is an element whose text is read aloud. */
  constructor(ink, strokes, brush, said) {
    Object.assign(this, { ink, strokes, brush, said });
    this.point = null;
    ink.caret = () => this.point && { point: this.point, size: brush().size };
    ink.canvas.addEventListener("keydown", (event) => this.key(event));
    for (const end of ["blur", "pointerdown"]) ink.canvas.addEventListener(end, () => this.hide());
  }

  get down() {
    return this.point !== null && this.strokes.current !== null;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = WAYS[event.key];
    if (way) this.go(way, event.shiftKey ? HURRY : 1);
    else if (event.key === "Enter") this.toggle();
    else if (event.key === "Escape" && this.point) this.hide();
    else return;
    event.preventDefault();
  }

  /** Put the brush down where it is, or lift it. What was put down once and lifted is a dot. */
  toggle() {
    this.show();
    const { tool, size } = this.brush();
    if (this.down) this.strokes.end();
    else if (tool !== "move") this.strokes.begin(tool, size, this.point);
    this.say(this.down ? "down" : "lifted");
    this.ink.request();
  }

  /** A quarter of the brush at a time: nothing is left out between two steps. */
  go([right, below], times) {
    if (!this.show()) return this.say("lifted");
    if (this.down) this.renew();
    const step = Math.max(1, this.brush().size / 4) * times;
    const { width, height } = this.ink.data;
    const inside = (value, most) => Math.min(most, Math.max(0, value));
    this.point = [inside(this.point[0] + right * step, width), inside(this.point[1] + below * step, height)];
    if (this.down) this.strokes.extend(this.point);
    this.follow();
    this.say(this.down ? "down" : "lifted");
    this.ink.request();
  }

  /** Go on with another stroke where tool or size are others by now. */
  renew() {
    const { tool, size } = this.brush();
    const stroke = this.strokes.current;
    if (tool === stroke.tool && size === stroke.size) return;
    this.strokes.end();
    if (tool !== "move") this.strokes.begin(tool, size, this.point);
  }

  /** Show the brush in the middle of what is seen, unless it is there already; says whether it was. */
  show() {
    if (this.point) return true;
    const { clientWidth, clientHeight } = this.ink.canvas;
    this.point = this.ink.corner(clientWidth / 2, clientHeight / 2);
    this.ink.request();
    return false;
  }

  hide() {
    if (!this.point) return;
    if (this.down) this.strokes.end();
    this.point = null;
    this.ink.request();
  }

  /** Move the picture where the brush would leave the view. */
  follow() {
    const { canvas, viewer } = this.ink;
    const { x, y } = this.ink.toScreen(...this.point);
    const out = (place, most) => Math.min(0, place - MARGIN) + Math.max(0, place - most + MARGIN);
    const by = new OpenSeadragon.Point(out(x, canvas.clientWidth), out(y, canvas.clientHeight));
    if (!by.x && !by.y) return;
    viewer.viewport.panBy(viewer.viewport.deltaPointsFromPixels(by), true);
  }

  say(how) {
    const [x, y] = this.point.map(Math.round);
    this.said.textContent = `Brush ${how} at ${x}, ${y}`;
  }
}
