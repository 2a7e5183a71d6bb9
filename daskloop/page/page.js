// What the reader asks for, and what is shown of it.

const get = (id) => document.getElementById(id);
const asked = { task: "", state: "", text: "", axis: "iterations", sort: "order", descending: false };
const table = new Table(get("rows"), resort);
const raster = new Raster(get("raster"), get("tip"), get("cell"), (place) => {
  table.goTo(place);
  tellWhere();
});

function update() {
  const rows = wanted(asked, asked.sort, asked.descending);
  raster.show(rows, asked.axis);
  table.show(rows, raster.axis, asked.sort, asked.descending);
  get("shown").textContent = `${number(rows.length)} of ${number(howMany)} children`;
  const ends = get("axis-ends").children;
  const isTime = asked.axis === "time";
  ends[0].textContent = isTime ? "the run began" : `iteration ${number(raster.axis.begin)}`;
  ends[1].textContent = isTime ? `after ${span(raster.axis.end)}`
    : `iteration ${number(raster.axis.begin + raster.axis.end - 1)}`;
  tellWhere();
}

function tellWhere() {
  get("where").textContent = `page ${number(table.page + 1)} of ${number(table.pages)}`;
  get("back").disabled = table.page === 0;
  get("forth").disabled = table.page + 1 >= table.pages;
}

function resort(sort, isNumber) {
  asked.descending = asked.sort === sort ? !asked.descending : isNumber;
  asked.sort = sort;
  table.page = 0;
  update();
}

function turn(pages) {
  table.page += pages;
  table.fill();
  tellWhere();
}

function offer(select, numbers, text) {
  for (const value of [...new Set(numbers)].sort((a, b) => a - b)) {
    const option = element("option", text(value));
    option.value = value;
    select.append(option);
  }
}

function fillLegend() {
  const seen = new Set(child.cells.join(""));
  for (const [letter, value] of [...valueOfLetter].sort((a, b) => a[1] - b[1])) {
    if (!seen.has(letter)) continue;
    const swatch = element("span", undefined, "swatch");
    const kind = KINDS[value >> 1];
    swatch.style.background = `var(--${value & 1 ? AGAIN[kind] || kind : kind})`;
    get("legend").append(swatch, wordsOf(value));
  }
}

function listen() {
  const change = (key) => (event) => {
    asked[key] = event.target.value;
    table.page = 0;
    update();
  };
  get("of-task").addEventListener("change", change("task"));
  get("of-state").addEventListener("change", change("state"));
  get("of-text").addEventListener("input", change("text"));
  for (const one of document.querySelectorAll("[name=axis]")) one.addEventListener("change", change("axis"));
  get("filters").addEventListener("submit", (event) => event.preventDefault());
  get("back").addEventListener("click", () => turn(-1));
  get("forth").addEventListener("click", () => turn(1));
  const redraw = () => requestAnimationFrame(update);
  window.addEventListener("resize", redraw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

offer(get("of-task"), child.task, (value) => data.tasks[value]);
offer(get("of-state"), child.state, (value) => data.texts[value]);
fillLegend();
listen();
for (const id of ["filters", "raster-frame", "rows", "pager"]) get(id).hidden = false;
update();
document.documentElement.dataset.ready = "yes";
