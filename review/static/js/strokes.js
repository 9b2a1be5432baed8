// What was drawn, in pixels of the picture: it means the same at any zoom and on any screen.

/** Strokes that can be taken back and put back. */
export class Strokes {
  constructor(changed) {
    this.done = [];
    this.undone = [];
    this.current = null;
    this.changed = changed;
  }

  begin(tool, size, point) {
    this.current = { tool, size, points: [point] };
    this.done.push(this.current);
    this.undone = [];
    this.changed();
  }

  /** Go on with the stroke, leaving out points that lie closer than a fraction of the brush. */
  extend(point) {
    const stroke = this.current;
    if (!stroke) return;
    const last = stroke.points.at(-1);
    if (Math.hypot(point[0] - last[0], point[1] - last[1]) < Math.max(0.5, stroke.size / 12)) return;
    stroke.points.push(point);
    this.changed();
  }

  /** What follows belongs to no stroke. */
  end() {
    this.current = null;
  }

  undo() {
    this.end();
    if (this.done.length) this.undone.push(this.done.pop());
    this.changed();
  }

  redo() {
    this.end();
    if (this.undone.length) this.done.push(this.undone.pop());
    this.changed();
  }

  /** For sending: coordinates to a tenth of a pixel are plenty. */
  toJSON() {
    const round = (value) => Math.round(value * 10) / 10;
    return this.done.map(({ tool, size, points }) => ({ tool, size, points: points.map((point) => point.map(round)) }));
  }
}
