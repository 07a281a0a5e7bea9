// Following a type or network: marked in every figure and table, the others stand back.
const chips = [...document.querySelectorAll(".chip")];
const marked = [...document.querySelectorAll("[data-names]")];

function toggle(name) {
  follow(state.followed === name ? null : name);
}

function follow(name) {
  const before = state.followed;
  if (name === before) return;
  state.followed = name;
  document.body.classList.toggle("following", name !== null);
  for (const chip of chips) {
    const pressed = Number(chip.dataset.name) === name;
    chip.setAttribute("aria-pressed", String(pressed));
    if (pressed) intoView(chip);
  }
  for (const item of marked) item.classList.toggle("followed", namesOf(item).includes(name));
  for (const body of document.querySelectorAll("tbody")) {
    body.classList.toggle("has-followed", name !== null && [...body.rows].some((row) => row.classList.contains("followed")));
  }
  drawAll();
  document.getElementById("said").textContent =
    name === null ? `No longer following ${data.names[before]}.` : summary(name);
}

// Only the strip moves, never the page.
function intoView(chip) {
  const strip = chip.parentElement;
  strip.scrollLeft = chip.offsetLeft - strip.offsetLeft - (strip.clientWidth - chip.offsetWidth) / 2;
}

function summary(name) {
  const rows = document.querySelectorAll("tr.followed").length;
  const figures = Object.values(data.charts).filter((chart) =>
    chart.traces.some((trace) => trace.meta === name),
  ).length;
  const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
  return (
    `Following ${data.names[name]}: in ${count(figures, "figure", "figures")} and ` +
    `${count(rows, "row", "rows")} of the tables. Escape releases it.`
  );
}

// A strip fades where it goes on; a button shows all names, in as many lines as they take.
function showEnds() {
  for (const strip of document.querySelectorAll(".strip")) {
    const rest = strip.scrollWidth - strip.clientWidth;
    strip.classList.toggle("more-left", rest > 1 && strip.scrollLeft > 1);
    strip.classList.toggle("more-right", rest > 1 && strip.scrollLeft < rest - 1);
  }
  const names = document.querySelector(".follow");
  if (names) document.getElementById("all-names").hidden = !names.matches(".whole, .more-left, .more-right");
}

function prepareStrips() {
  for (const strip of document.querySelectorAll(".strip")) {
    strip.addEventListener("scroll", showEnds, { passive: true });
  }
  const all = document.getElementById("all-names");
  const text = all?.textContent;
  all?.addEventListener("click", () => {
    const whole = document.querySelector(".follow").classList.toggle("whole");
    all.setAttribute("aria-expanded", String(whole));
    all.textContent = whole ? "Fewer" : text;
    showEnds();
  });
  showEnds();
}

function prepareFollowing() {
  for (const chip of chips) chip.addEventListener("click", () => toggle(Number(chip.dataset.name)));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.followed !== null && !event.target.matches("input")) follow(null);
  });
  document.querySelector(".follow")?.addEventListener("keydown", moveFocus);
  for (const row of document.querySelectorAll("tr[data-names]")) {
    row.addEventListener("click", () => {
      if (String(getSelection())) return; // a reader who marks text to copy it follows nothing
      const names = namesOf(row);
      if (names.length === 1) toggle(names[0]);
    });
  }
}

// One stop of the tab key for the whole strip; arrows move inside it.
function moveFocus(event) {
  const at = chips.indexOf(event.target);
  const moves = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: chips.length - 1 };
  if (at < 0 || !(event.key in moves)) return;
  event.preventDefault();
  const next = chips[(moves[event.key] + chips.length) % chips.length];
  for (const chip of chips) chip.tabIndex = chip === next ? 0 : -1;
  next.focus({ preventScroll: true });
  intoView(next);
}
