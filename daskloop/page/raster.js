// The raster: a row for each child, a cell for each iteration. Where several cells share a pixel,
// their colours are mixed, and one that failed stands out.

const TALLEST = 420;
const KINDS = ["unknown", "went-on", "done", "skipped", "not-run", "waiting", "under-way", "cancelled", "failed"];
const FAILED = 2 * KINDS.indexOf("failed");
const AGAIN = { "went-on": "went-on-again", done: "done-again", failed: "failed-again" };

function colours() {
  const style = getComputedStyle(document.documentElement);
  const found = [];
  for (const kind of KINDS) {
    for (const name of [kind, AGAIN[kind] || kind]) {
      const hex = style.getPropertyValue(`--${name}`).trim();
      found.push([1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
    }
  }
  return found;
}

// Where a cell is from left to right, from 0 to 1.
function across(row, cell, axis) {
  if (axis.kind === "time") {
    const [begun, took] = timesAt(row, cell);
    return [begun / axis.end, (begun + took) / axis.end];
  }
  const first = iterationAt(row, cell) - axis.begin;
  return [first / axis.end, (first + child.size[row]) / axis.end];
}

function axisOf(rows, kind) {
  if (kind === "time") return { kind, begin: 0, end: Math.max(data.took, 1e-9) };
  let first = Infinity;
  let last = 1;
  for (const row of rows) {
    const cells = child.cells[row].length;
    if (!cells) continue;
    first = Math.min(first, child.first[row]);
    last = Math.max(last, iterationAt(row, cells) - 1);
  }
  if (first === Infinity) first = 1;
  return { kind, begin: first, end: last - first + 1 };
}

function paint(canvas, rows, axis, height) {
  const ratio = window.devicePixelRatio || 1;
  const wide = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const high = Math.max(1, Math.round(height * ratio));
  canvas.width = wide;
  canvas.height = high;
  const image = new Mixture(wide, high);
  const each = high / Math.max(1, rows.length);
  const gapDown = each >= 5 ? 1 : 0;
  const gapAcross = axis.kind === "iterations" && wide / axis.end >= 6 ? 1 : 0;
  rows.forEach((row, place) => {
    const top = Math.min(high - 1, Math.floor(place * each));
    const bottom = Math.max(top + 1, Math.floor((place + 1) * each) - gapDown);
    for (let cell = 0; cell < child.cells[row].length; cell++) {
      const [start, end] = across(row, cell, axis);
      const left = Math.max(0, Math.min(wide - 1, Math.floor(start * wide)));
      const right = Math.min(wide, Math.max(left + 1, Math.floor(end * wide) - gapAcross));
      image.add(valueAt(row, cell), left, top, right, bottom);
    }
  });
  canvas.getContext("2d").putImageData(image.made(), 0, 0);
}

// Colours that are mixed where cells share a pixel.
class Mixture {
  constructor(wide, high) {
    this.wide = wide;
    this.image = new ImageData(wide, high);
    this.sums = [0, 1, 2].map(() => new Float32Array(wide * high));
    this.count = new Uint32Array(wide * high);
    this.failed = new Uint8Array(wide * high);
    this.palette = colours();
  }

  add(value, left, top, right, bottom) {
    const [red, green, blue] = this.palette[value];
    const [reds, greens, blues] = this.sums;
    const isFailed = value >= FAILED;
    for (let y = top; y < bottom; y++) {
      for (let at = y * this.wide + left; at < y * this.wide + right; at++) {
        reds[at] += red;
        greens[at] += green;
        blues[at] += blue;
        this.count[at] += 1;
        if (isFailed) this.failed[at] = value;
      }
    }
  }

  made() {
    const pixels = this.image.data;
    this.count.forEach((count, at) => {
      if (!count) return;
      const worst = this.failed[at];
      for (let part = 0; part < 3; part++) {
        pixels[4 * at + part] = worst ? this.palette[worst][part] : this.sums[part][at] / count;
      }
      pixels[4 * at + 3] = 255;
    });
    return this.image;
  }
}

class Raster {
  constructor(canvas, tip, said, pick) {
    this.canvas = canvas;
    this.tip = tip;
    this.said = said;
    this.pick = pick;
    this.rows = [];
    this.place = 0;
    this.cell = 0;
    canvas.addEventListener("mousemove", (event) => this.hover(event));
    canvas.addEventListener("mouseleave", () => { this.tip.hidden = true; });
    canvas.addEventListener("click", (event) => this.click(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.draw());
  }

  show(rows, kind) {
    this.rows = rows;
    this.axis = axisOf(rows, kind);
    this.place = this.cell = 0;
    const each = Math.max(1, Math.min(14, Math.floor(TALLEST / Math.max(1, rows.length))));
    this.height = rows.length > TALLEST ? TALLEST : Math.max(14, rows.length * each);
    this.canvas.style.height = `${this.height}px`;
    this.draw();
  }

  draw() {
    paint(this.canvas, this.rows, this.axis, this.height);
  }

  describe(place, cell) {
    const row = this.rows[place];
    if (cell < 0) return `${nameOf(row)}: ${data.texts[child.state[row]]}`;
    const [begun, took] = timesAt(row, cell);
    return `${nameOf(row)}, ${iterationsSaid(row, cell)}: ${wordsOf(valueAt(row, cell))}, `
      + `${span(took)}, ${span(begun)} after the run began`;
  }

  under(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const y = (event.clientY - box.top) / box.height;
    const place = Math.max(0, Math.min(this.rows.length - 1, Math.floor(y * this.rows.length)));
    const row = this.rows[place];
    if (row === undefined) return null;
    for (let cell = 0; cell < child.cells[row].length; cell++) {
      const [start, end] = across(row, cell, this.axis);
      if (x >= start && x < Math.max(end, start + 1 / box.width)) return [place, cell];
    }
    return [place, -1];
  }

  hover(event) {
    const found = this.under(event);
    if (!found) return;
    const box = this.canvas.getBoundingClientRect();
    this.tip.textContent = this.describe(...found);
    this.tip.hidden = false;
    const left = Math.min(event.clientX - box.left + 12, box.width - this.tip.offsetWidth);
    this.tip.style.left = `${Math.max(0, left)}px`;
    this.tip.style.top = `${event.clientY - box.top + 16}px`;
  }

  click(event) {
    const found = this.under(event);
    if (!found) return;
    [this.place, this.cell] = [found[0], Math.max(0, found[1])];
    this.said.textContent = this.describe(...found);
    this.pick(this.place);
  }

  key(event) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
      PageUp: [-50, 0], PageDown: [50, 0], Home: [0, -Infinity], End: [0, Infinity] };
    if (!this.rows.length) return;
    if (event.key === "Enter") {
      this.pick(this.place);
    } else if (event.key in steps) {
      const [down, right] = steps[event.key];
      this.place = Math.max(0, Math.min(this.rows.length - 1, this.place + down));
      const cells = child.cells[this.rows[this.place]].length;
      this.cell = Math.max(0, Math.min(cells - 1, this.cell + right));
      this.said.textContent = this.describe(this.place, cells ? this.cell : -1);
      this.draw();
      this.mark();
    } else {
      return;
    }
    event.preventDefault();
  }

  // A frame around the cell that the arrow keys have come to.
  mark() {
    const row = this.rows[this.place];
    if (!child.cells[row].length) return;
    const [start, end] = across(row, this.cell, this.axis);
    const { width, height } = this.canvas;
    const each = height / this.rows.length;
    const context = this.canvas.getContext("2d");
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink");
    context.lineWidth = 2;
    context.strokeRect(start * width, this.place * each, Math.max(4, (end - start) * width), Math.max(4, each));
  }
}
