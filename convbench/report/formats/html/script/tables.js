// Tables: sorted by their headers, filtered by a text, long and wide ones shortened until asked for.
const FIRST_ROWS = 15;
const FEWEST_TO_FILTER = 5;
const LAST_TO_HIDE = 3;
const views = [];

function prepareTable(grid) {
  const table = grid.querySelector("table");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, index) => ({
    row,
    index,
    text: row.textContent.replace(/\s+/g, " ").toLowerCase(),
  }));
  const view = {
    grid, table, body, rows, order: rows, words: [], all: !("long" in grid.dataset), whole: false,
    spare: table.dataset.spare.split(" ").filter(Boolean),
  };
  views.push(view);
  for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
    makeSortable(view, head, column);
  }
  const tools = element("div", "tools");
  if (rows.length >= FEWEST_TO_FILTER) makeFilter(view, tools, table.caption.textContent);
  if (view.spare.length) makeColumns(view, tools);
  grid.querySelector(".scroll").before(tools);
  if (!view.all) {
    view.more = element("button", "small more-rows");
    view.more.type = "button";
    view.more.addEventListener("click", () => {
      view.all = !view.all;
      showRows(view);
    });
    grid.append(view.more);
  }
  showRows(view);
}

function makeSortable(view, head, column) {
  const button = element("button", "sort", head.textContent);
  button.type = "button";
  head.replaceChildren(button);
  head.setAttribute("aria-sort", "none");
  button.addEventListener("click", () => {
    const next = { none: "ascending", ascending: "descending", descending: "none" };
    const direction = next[head.getAttribute("aria-sort")];
    for (const other of head.parentNode.cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", direction);
    view.order = sorted(view.rows, column, direction);
    showRows(view);
  });
}

// Missing values are last in both directions; equal ones keep the order of the page.
function sorted(rows, column, direction) {
  if (direction === "none") return rows;
  const sign = direction === "ascending" ? 1 : -1;
  const keyed = rows.map((item) => ({ item, key: sortKey(item.row.cells[column]) }));
  keyed.sort((one, other) => {
    if (one.key === null || other.key === null) {
      return (one.key === null) - (other.key === null) || one.item.index - other.item.index;
    }
    return sign * compared(one.key, other.key) || one.item.index - other.item.index;
  });
  return keyed.map(({ item }) => item);
}

function sortKey(cell) {
  if ("gap" in cell.dataset) return null;
  if ("value" in cell.dataset) {
    const value = Number(cell.dataset.value);
    return Number.isFinite(value) ? value : null;
  }
  return cell.textContent.trim();
}

// A column of numbers may hold a word: words come after numbers.
function compared(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  if (typeof one === "number") return -1;
  if (typeof other === "number") return 1;
  return one.localeCompare(other, "en", { numeric: true, sensitivity: "base" });
}

function makeFilter(view, tools, caption) {
  const input = element("input", "filter");
  input.type = "search";
  input.placeholder = "Filter rows";
  input.setAttribute("aria-label", `Filter the rows of: ${caption}`);
  view.said = element("span", "shown");
  view.said.setAttribute("role", "status");
  const refilter = settled(() => {
    view.words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    showRows(view);
  }, 80);
  input.addEventListener("input", refilter);
  tools.append(input, view.said);
}

function makeColumns(view, tools) {
  view.columns = element("button", "small");
  view.columns.type = "button";
  view.columns.addEventListener("click", () => {
    view.whole = !view.whole;
    fitColumns(view);
  });
  tools.append(view.columns);
}

// Where a table is wider than its place, columns are hidden until it fits; intervals get a line of
// their own where that saves one of the last few. A button brings them back, and the table scrolls.
function fitColumns({ table, spare, whole, columns }) {
  const place = table.parentElement;
  if (!widthOf(place)) return;
  const tooWide = () => place.scrollWidth > place.clientWidth;
  const hide = (number) => {
    table.dataset.hidden = spare.slice(0, number).join(" ");
    table.classList.toggle("folded", spare.slice(0, number).includes(table.dataset.folds));
  };
  const hideAsNeeded = (tight) => {
    table.classList.toggle("tight", tight);
    let number = 0;
    for (hide(number); number < spare.length && tooWide(); hide(number)) number += 1;
    return number;
  };
  table.classList.remove("tightest");
  let hidden = hideAsNeeded(false);
  const fits = !tooWide();
  if (!fits || hidden > spare.length - LAST_TO_HIDE) {
    const fewer = hideAsNeeded(true);
    hidden = fits && fewer === hidden ? hideAsNeeded(false) : fewer;
  }
  table.classList.toggle("tightest", tooWide());
  if (!columns) return;
  const heads = [...table.tHead.rows[0].cells];
  const names = spare.slice(0, hidden).map((number) => heads[number - 1].textContent).reverse();
  columns.hidden = hidden === 0;
  columns.textContent = whole ? "Show fewer columns" : `Show ${hidden} more column${hidden > 1 ? "s" : ""}`;
  columns.title = names.join(", ");
  columns.setAttribute("aria-expanded", String(whole));
  if (whole) hide(0);
}

function fitAll() {
  for (const view of views) fitColumns(view);
}

function showRows(view) {
  const fitting = view.order.filter(({ text }) => view.words.every((word) => text.includes(word)));
  const most = view.all ? Infinity : FIRST_ROWS;
  const rest = view.order.filter((item) => !fitting.includes(item));
  for (const [place, { row }] of fitting.entries()) {
    row.classList.toggle("later", place >= most);
    row.classList.remove("filtered");
  }
  for (const { row } of rest) row.classList.add("filtered");
  view.body.append(...fitting.map(({ row }) => row), ...rest.map(({ row }) => row));
  const shown = Math.min(fitting.length, most);
  if (view.said) view.said.textContent = `${shown} of ${view.rows.length} rows`;
  if (view.more) {
    view.more.hidden = fitting.length <= FIRST_ROWS;
    view.more.textContent = view.all ? "Show fewer rows" : `Show all ${fitting.length} rows`;
    view.more.setAttribute("aria-expanded", String(view.all));
  }
  fitColumns(view);
}
