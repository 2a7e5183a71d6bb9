// The table of children: one page of it at a time, so that ten thousand stay quick.

const PAGE = 50;
const ITERATIONS = 100; // cells of a child that are listed
const HEADINGS = [
  ["child", "order", false], ["state", "state", false], ["iterations", "iterations", true],
  ["retries", "retries", true], ["lost workers", "losses", true], ["took", "took", true],
  ["time in task", "seconds", true], ["", null, false], ["last said", null, false],
];

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function isolated(name, text, kind) {
  const made = element(name, undefined, kind);
  made.append(element("bdi", text));
  return made;
}

class Table {
  constructor(root, resort) {
    this.root = root;
    this.page = 0;
    this.picked = -1;
    this.open = new Set();
    const line = element("tr");
    this.heads = HEADINGS.map(([title, sort, isNumber]) => {
      const head = element("th", undefined, isNumber ? "number" : "");
      head.scope = "col";
      if (sort) {
        const button = element("button", title);
        button.type = "button";
        button.addEventListener("click", () => resort(sort, isNumber));
        head.append(button);
      } else {
        head.append(element("span", title || "iterations", title ? "" : "unseen"));
      }
      line.append(head);
      return [head, sort, title];
    });
    root.tHead.append(line);
  }

  show(rows, axis, sort, descending) {
    [this.rows, this.axis] = [rows, axis];
    this.page = Math.max(0, Math.min(this.page, this.pages - 1));
    for (const [head, own, title] of this.heads) {
      if (!own) continue;
      const active = own === sort;
      if (active) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      head.firstChild.textContent = active ? `${title} ${descending ? "▼" : "▲"}` : title;
    }
    this.fill();
  }

  get pages() {
    return Math.max(1, Math.ceil(this.rows.length / PAGE));
  }

  goTo(place) {
    this.page = Math.floor(place / PAGE);
    this.picked = this.rows[place];
    this.fill();
    const line = this.root.querySelector(".picked");
    if (line) line.scrollIntoView({ block: "nearest" });
  }

  fill() {
    const body = element("tbody");
    const strips = [];
    for (const row of this.rows.slice(this.page * PAGE, (this.page + 1) * PAGE)) {
      body.append(this.line(row, strips));
      if (this.open.has(row)) body.append(this.details(row));
    }
    this.root.tBodies[0].replaceWith(body);
    for (const [canvas, row] of strips) paint(canvas, [row], this.axis, 12);
  }

  line(row, strips) {
    const line = element("tr", undefined, row === this.picked ? "picked" : "");
    const head = element("th");
    head.scope = "row";
    const button = isolated("button", nameOf(row));
    button.type = "button";
    button.setAttribute("aria-expanded", this.open.has(row));
    button.addEventListener("click", () => this.toggle(row));
    head.append(button);
    const state = data.texts[child.state[row]];
    const strip = element("canvas", undefined, "strip");
    strip.setAttribute("aria-hidden", "true");
    const drawn = element("td");
    drawn.append(strip);
    strips.push([strip, row]);
    line.append(
      head,
      element("td", state, state),
      element("td", number(child.iterations[row]), "number"),
      element("td", number(child.retries[row]), "number"),
      element("td", number(child.losses[row]), "number"),
      element("td", span(child.took[row]), "number"),
      element("td", span(child.seconds[row]), "number"),
      drawn,
      isolated("td", data.texts[child.says[row]], "text"),
    );
    return line;
  }

  toggle(row) {
    if (!this.open.delete(row)) this.open.add(row);
    this.fill();
    const place = this.rows.indexOf(row) % PAGE;
    const buttons = this.root.tBodies[0].querySelectorAll("th button");
    if (buttons[place]) buttons[place].focus();
  }

  details(row) {
    const line = element("tr");
    const cell = element("td");
    cell.colSpan = HEADINGS.length;
    const cells = child.cells[row].length;
    const from = Math.max(0, cells - ITERATIONS);
    if (from) cell.append(element("p", `the last ${ITERATIONS} of ${number(cells)} lines`, "hint"));
    const table = element("table", undefined, "iterations");
    const head = element("tr");
    for (const title of ["iteration", "how", "began", "time in task"]) {
      const one = element("th", title);
      one.scope = "col";
      head.append(one);
    }
    table.createTHead().append(head);
    const body = table.createTBody();
    for (let at = from; at < cells; at++) {
      const [begun, took] = timesAt(row, at);
      const one = element("tr");
      one.append(
        element("td", iterationsSaid(row, at)),
        element("td", wordsOf(valueAt(row, at))),
        element("td", `after ${span(begun)}`),
        element("td", span(took)),
      );
      body.append(one);
    }
    cell.append(table);
    line.append(cell);
    return line;
  }
}
