// Figures: drawn by Plotly in the colours of the page, drawn again when anything changes.
const DIMMED = 0.13;
const PRINTED_WIDTH = 660;
const SAVED_WIDTH = 900;
const TICK_ROOM = { xaxis: 62, yaxis: 30 };
const drawn = new Map();

const CONFIG = {
  displaylogo: false,
  responsive: false,
  scrollZoom: false,
  showTips: false,
  doubleClick: "reset",
  modeBarButtons: [["zoom2d", "resetScale2d"]],
};

// Every colour was chosen for a light page; a dark one has another for each.
function themed(value, dark) {
  if (!dark) return structuredClone(value);
  if (typeof value === "string") return darkFor.get(value) ?? faintFor(value) ?? value;
  if (Array.isArray(value)) return value.map((item) => themed(item, dark));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, themed(item, dark)]));
}

// A colour with two digits more lets something through.
function faintFor(value) {
  const other = /^#[0-9A-F]{8}$/.test(value) ? darkFor.get(value.slice(0, 7)) : undefined;
  return other && other + value.slice(7);
}

function setPath(target, path, value) {
  const keys = path.split(".");
  const last = keys.pop();
  for (const key of keys) target = target[key] ??= {};
  target[last] = value;
}

// As many ticks as have room: powers of ten, then 2 and 5, then all. Texts only where they fit.
function chosenTicks(ticks, [low, high], pixels, room) {
  const seen = ticks.filter(([value]) => {
    const place = Math.log10(value);
    return place >= low - 1e-6 && place <= high + 1e-6;
  });
  const gap = (list) => {
    const places = list.map(([value]) => Math.log10(value));
    const steps = places.slice(1).map((place, index) => place - places[index]);
    return (Math.min(...steps, high - low) / (high - low)) * pixels;
  };
  const ranks = [2, 1, 0].map((rank) => seen.filter((tick) => tick[2] <= rank));
  const fitting = ranks.find((list) => list.length && gap(list) >= room) ?? ranks[2];
  const every = fitting.length ? Math.ceil(room / Math.max(1, gap(fitting))) : 1;
  const texts = fitting.filter((_, index) => index % every === 0);
  return { tickmode: "array", tickvals: texts.map((t) => t[0]), ticktext: texts.map((t) => t[1]) };
}

function draw(place) {
  const chart = data.charts[place.dataset.chart];
  const width = isPrinted() ? PRINTED_WIDTH : widthOf(place);
  if (!width) return; // it is drawn when the fold opens
  const { traces, layout } = laidOut(chart, width, isDark(), place._fullLayout);
  if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false;
  Plotly.react(place, traces, layout, CONFIG);
  if (!drawn.has(place)) listen(place, chart);
  drawn.set(place, width);
}

// What Plotly draws at a width; `before` has the ranges that a reader chose.
function laidOut(chart, width, dark, before) {
  const small = width < 560;
  const height = small ? chart.narrow_height : chart.height;
  const traces = themed(chart.traces, dark);
  const layout = { ...themed(chart.layout, dark), width, height };
  for (const [path, value] of Object.entries(small ? chart.narrow : {})) setPath(layout, path, value);
  const inner = {
    xaxis: width - layout.margin.l - layout.margin.r,
    yaxis: height - layout.margin.t - layout.margin.b,
  };
  const range = (axis) => before?.[axis]?.range ?? layout[axis].range;
  for (const [axis, ticks] of Object.entries(chart.ticks)) {
    Object.assign(layout[axis], chosenTicks(ticks, range(axis), inner[axis], TICK_ROOM[axis]));
  }
  for (const trace of traces) trace.opacity = isDimmed(trace.meta) ? DIMMED : 1;
  layout.shapes = [...(layout.shapes ?? []), ...bands(chart, dark)];
  if (chart.labels.length) {
    const words = traces.filter((trace) => trace.mode === "text");
    layout.annotations = annotations(chart, words, inner, range, dark, layout.margin.r);
  }
  return { traces, layout };
}

// A file is for a paper or a slide: light, on white, whatever the page is.
async function save(place, format) {
  const name = place.dataset.chart;
  const { traces, layout } = laidOut(data.charts[name], SAVED_WIDTH, false, place._fullLayout);
  const { width, height } = layout;
  const light = { ...layout, paper_bgcolor: "#FFFFFF", plot_bgcolor: "#FFFFFF" };
  const address = await Plotly.toImage({ data: traces, layout: light }, { format, width, height, scale: format === "png" ? 2 : 1 });
  const link = element("a");
  link.href = address;
  link.download = `${name}.${format}`;
  link.click();
}

function prepareSaving() {
  for (const button of document.querySelectorAll("[data-save]")) {
    const place = button.closest("figure").querySelector(".plot");
    button.setAttribute("aria-label", `Save as ${button.textContent}: ${place.getAttribute("aria-label")}`);
    button.addEventListener("click", () => save(place, button.dataset.save));
  }
}

const isDimmed = (name) => state.followed !== null && name !== null && name !== state.followed;

// A band behind the rows of what is followed.
function bands(chart, dark) {
  const rows = chart.rows.flatMap((name, row) =>
    name !== null && name === state.followed ? [row] : [],
  );
  return rows.flatMap((row) =>
    chart.row_axes.map((axis) => ({
      type: "rect", layer: "below", line: { width: 0 }, xref: "paper", x0: 0, x1: 1,
      yref: axis, y0: row - 0.5, y1: row + 0.5, fillcolor: themed("#FFF1C2", dark),
    })),
  );
}

function annotations(chart, words, inner, range, dark, room) {
  const [left, right] = range("xaxis");
  const [low, high] = range("yaxis");
  const frame = {
    width: inner.xaxis,
    height: inner.yaxis,
    x: (value) => ((Math.log10(value) - left) / (right - left)) * inner.xaxis,
    y: (value) => (1 - (Math.log10(value) - low) / (high - low)) * inner.yaxis,
  };
  for (const word of words) {
    const out = boxOf(word, frame).right > inner.xaxis + room;
    if (out) word.textposition = word.textposition.replace(/middle right|top center/, "top left");
  }
  const placed = placeLabels(chart.labels, words.map((word) => boxOf(word, frame)), frame, state.followed);
  return placed.map((label) => {
    const name = label.name === "null" ? null : Number(label.name);
    return { ...themed(label, dark), opacity: isDimmed(name) ? 0.3 : 1 };
  });
}

function listen(place, chart) {
  place.on("plotly_hover", ({ points: [point], event }) => {
    const note = chart.notes[point.customdata];
    if (note) showTip(note, event);
  });
  place.on("plotly_unhover", hideTip);
  place.on("plotly_click", ({ points: [point] }) => {
    if (point.data.meta !== null) toggle(point.data.meta);
  });
  place.on("plotly_clickannotation", ({ annotation }) => {
    if (annotation.name !== "null") toggle(Number(annotation.name));
  });
  place.on("plotly_relayout", (change) => {
    if (Object.keys(change).some((key) => key.includes("axis"))) draw(place);
  });
}

function drawAll() {
  hideTip();
  for (const place of document.querySelectorAll(".plot")) draw(place);
}

function drawChanged() {
  for (const place of document.querySelectorAll(".plot")) {
    if (widthOf(place) !== drawn.get(place)) draw(place);
  }
}

// The label of a mark is an element of the page: it holds all the numbers, and text stays text.
function showTip(note, event) {
  const tip = document.getElementById("tip");
  const list = element("dl");
  for (const [what, number] of note.lines) {
    list.append(element("dt", "", what), element("dd", "", number));
  }
  tip.replaceChildren(element("p", "tip-title", note.title), list);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const gap = 14;
  const room = { x: document.documentElement.clientWidth, y: window.innerHeight };
  const beside = event.clientX + gap + width <= room.x ? event.clientX + gap : event.clientX - gap - width;
  const x = Math.min(Math.max(4, beside), Math.max(4, room.x - width - 4));
  const y = Math.min(Math.max(4, event.clientY - height / 3), Math.max(4, room.y - height - 4));
  tip.style.left = `${x}px`;
  tip.style.top = `${y}px`;
}

function hideTip() {
  document.getElementById("tip").hidden = true;
}
