// The children of the run, as columns, and what their packed times mean.

const data = JSON.parse(document.getElementById("data").textContent);
const child = data.columns;
const howMany = child.task.length;
const packed = Uint8Array.from(atob(data.times), (sign) => sign.charCodeAt(0));
const STEPS = 4095;

const firstCell = new Uint32Array(howMany + 1);
for (let row = 0; row < howMany; row++) {
  firstCell[row + 1] = firstCell[row] + child.cells[row].length;
}

function nameOf(row) {
  const task = data.tasks[child.task[row]];
  const label = data.texts[child.label[row]];
  if (child.index[row] < 0) return task;
  return `${task}[${label || child.index[row]}]`;
}

// Twice the kind, and one more if it was tried again; greater is worse.
const valueOfLetter = new Map();
[...data.letters].forEach((letter, kind) => {
  valueOfLetter.set(letter, 2 * kind);
  if (letter.toUpperCase() !== letter) valueOfLetter.set(letter.toUpperCase(), 2 * kind + 1);
});

function valueAt(row, cell) {
  return valueOfLetter.get(child.cells[row][cell]);
}

// When a cell began, in seconds since the run did, and how long it took.
function timesAt(row, cell) {
  const at = 3 * (firstCell[row] + cell);
  const start = (packed[at] << 4) | (packed[at + 1] >> 4);
  const took = ((packed[at + 1] & 15) << 8) | packed[at + 2];
  const begun = Math.max(0, child.begun[row]) + (start / STEPS) * child.took[row];
  return [begun, took === 0 ? 0 : data.scale[0] * Math.exp((took - 1) * data.scale[1])];
}

function iterationAt(row, cell) {
  return child.first[row] + cell * child.size[row];
}

function iterationsSaid(row, cell) {
  const first = iterationAt(row, cell);
  const last = first + child.size[row] - 1;
  return last > first ? `iterations ${number(first)} to ${number(last)}` : `iteration ${number(first)}`;
}

function wordsOf(value) {
  return data.kinds[value >> 1] + (value & 1 ? ", tried again" : "");
}

function number(value) {
  return value.toLocaleString("en");
}

function span(seconds) {
  if (!(seconds > 0)) return "0 s";
  for (const [most, unit, times] of [[1e-3, "µs", 1e6], [1, "ms", 1e3], [60, "s", 1]]) {
    if (seconds < most) return `${Number((seconds * times).toPrecision(3))} ${unit}`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

// Which rows are wanted, in which order.
const SORTED = ["iterations", "retries", "losses", "took", "seconds", "begun"];

function wanted(filter, sort, descending) {
  const text = filter.text.toLowerCase();
  const rows = [];
  for (let row = 0; row < howMany; row++) {
    if (filter.task !== "" && child.task[row] !== Number(filter.task)) continue;
    if (filter.state !== "" && child.state[row] !== Number(filter.state)) continue;
    if (text && !nameOf(row).toLowerCase().includes(text)
        && !data.texts[child.says[row]].toLowerCase().includes(text)) continue;
    rows.push(row);
  }
  const way = descending ? -1 : 1;
  if (SORTED.includes(sort)) {
    const column = child[sort];
    rows.sort((a, b) => way * (column[a] - column[b]) || a - b);
  } else if (sort === "state") {
    rows.sort((a, b) => way * data.texts[child.state[a]].localeCompare(data.texts[child.state[b]]) || a - b);
  } else if (descending) {
    rows.reverse();
  }
  return rows;
}
