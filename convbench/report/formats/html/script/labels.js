// Names beside points, placed so that none covers another, a mark or a whisker.
const DISTANCES = [9, 15, 23, 33, 45, 60, 78, 100, 126];
const NO_LEADER = 15;
const DIRECTIONS = 16;
const LABEL_SIZE = 11.5;
const measure = document.createElement("canvas").getContext("2d");

const covered = (one, other) =>
  Math.max(0, Math.min(one.right, other.right) - Math.max(one.left, other.left)) *
  Math.max(0, Math.min(one.low, other.low) - Math.max(one.high, other.high));

// Text of Plotly as it is shown: the characters that were escaped for it.
const unescaped = (text) =>
  text.replace(/&#36;/g, "$").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

// The place of words that are there already.
function boxOf({ x: [x], y: [y], text: [text], textposition, textfont: { size } }, frame) {
  measure.font = `${size}px system-ui, sans-serif`;
  const width = measure.measureText(unescaped(text)).width;
  const left = frame.x(x) - width * { left: 1, center: 0.5, right: 0 }[textposition.split(" ")[1]];
  const high = frame.y(y) - size * { top: 1.4, middle: 0.6, bottom: 0 }[textposition.split(" ")[0]];
  return { left, right: left + width, high, low: high + 1.4 * size };
}

// `frame` has the size of the axes and how data lie in it. Returns Plotly's annotations.
function placeLabels(labels, words, frame, followed) {
  measure.font = `${LABEL_SIZE}px system-ui, sans-serif`;
  const points = labels
    .map((label) => ({
      label,
      x: frame.x(label.x),
      y: frame.y(label.y),
      low: frame.y(label.low),
      high: frame.y(label.high),
      width: measure.measureText(unescaped(label.text)).width + 4,
      height: LABEL_SIZE * 1.25,
    }))
    .filter(({ x, y }) => x >= 0 && x <= frame.width && y >= 0 && y <= frame.height);
  const taken = points.flatMap(({ x, y, low, high }) => [
    { left: x - 7, right: x + 7, high: y - 7, low: y + 7 },
    { left: x - 3, right: x + 3, high: high - 1, low: low + 1 },
  ]);
  taken.push(...words);
  const lines = [];
  const placed = [];
  const first = (point) => (point.label.name === followed && followed !== null ? 0 : 1);
  const crowd = (point) =>
    points.filter((other) => Math.hypot(other.x - point.x, other.y - point.y) < 80).length;
  const order = [...points].sort(
    (one, other) => first(one) - first(other) || crowd(other) - crowd(one) || one.x - other.x,
  );
  for (const point of order) {
    const best = bestPlace(point, points, taken, lines, frame);
    const must = point.label.name === followed && followed !== null;
    if (best.covers > 1 && !must) continue; // a name that would hide another is left to the pointer
    taken.push(best.box);
    if (best.leader) lines.push(best.leader);
    placed.push(annotation(point, best));
  }
  return placed;
}

function bestPlace(point, points, taken, lines, frame) {
  let best = null;
  for (const distance of DISTANCES) {
    for (let step = 0; step < DIRECTIONS; step += 1) {
      const angle = (2 * Math.PI * step) / DIRECTIONS;
      const across = Math.cos(angle);
      const down = Math.sin(angle);
      const dx = across * (distance + point.width / 2);
      const dy = down * (distance + point.height / 2);
      const box = {
        left: point.x + dx - point.width / 2,
        right: point.x + dx + point.width / 2,
        high: point.y + dy - point.height / 2,
        low: point.y + dy + point.height / 2,
      };
      const leader = distance > NO_LEADER ? leaderTo(point, box) : null;
      const out =
        Math.max(0, -box.left) + Math.max(0, box.right - frame.width - 4) +
        Math.max(0, -box.high) + Math.max(0, box.low - frame.height);
      const covers = taken.reduce((sum, other) => sum + covered(box, other), 0) + 50 * out +
        40 * lines.filter((line) => runsThrough(line, box)).length;
      const crossing = leader
        ? taken.filter((other) => runsThrough(leader, other, 10)).length +
          lines.filter((line) => cross(line, leader)).length
        : 0;
      const nearer = points.some(
        (other) =>
          Math.hypot(other.x - point.x, other.y - point.y) > 8 &&
          away(box, other) < away(box, point) + 5,
      );
      const cost = (covers > 1 ? 5000 : 0) + 10 * covers + 250 * crossing + 150 * nearer + distance;
      if (best === null || cost < best.cost) best = { cost, covers, box, dx, dy, leader };
    }
  }
  return best;
}

function leaderTo(point, box) {
  const end = {
    x: Math.min(Math.max(point.x, box.left), box.right),
    y: Math.min(Math.max(point.y, box.high), box.low),
  };
  return [{ x: point.x, y: point.y }, end];
}

function away(box, { x, y }) {
  return Math.hypot(Math.max(box.left - x, x - box.right, 0), Math.max(box.high - y, y - box.low, 0));
}

// `skip` leaves out the first so many of 30 steps, and the last two: where a line begins and ends.
function runsThrough([from, to], box, skip = 0) {
  for (let step = skip; step <= 28; step += 1) {
    const x = from.x + ((to.x - from.x) * step) / 30;
    const y = from.y + ((to.y - from.y) * step) / 30;
    if (x > box.left && x < box.right && y > box.high && y < box.low) return true;
  }
  return false;
}

function cross([a, b], [c, d]) {
  const side = (p, q, r) => (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x);
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

function annotation(point, best) {
  const shared = {
    x: Math.log10(point.label.x),
    y: Math.log10(point.label.y),
    text: point.label.text,
    name: String(point.label.name),
    font: { size: LABEL_SIZE, color: point.label.colour },
    xanchor: "center",
    yanchor: "middle",
    borderpad: 0,
    captureevents: true,
  };
  return best.leader
    ? { ...shared, showarrow: true, ax: best.dx, ay: best.dy, arrowhead: 0, arrowwidth: 0.7,
        arrowcolor: "#8C959F", standoff: 5 }
    : { ...shared, showarrow: false, xshift: best.dx, yshift: -best.dy };
}
