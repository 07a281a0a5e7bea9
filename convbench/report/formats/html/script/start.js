// Everything is here: make it work.
function prepareTheme() {
  document.getElementById("theme").addEventListener("click", () => {
    const chosen = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = chosen;
    try {
      localStorage.setItem("convbench-theme", chosen);
    } catch {
      // Kept for this page alone, then.
    }
    document.getElementById("said").textContent = `The page is ${chosen} now.`;
    drawAll();
  });
  prefersDark.addEventListener("change", drawAll);
}

function refit() {
  showEnds();
  fitAll();
  drawChanged();
}

// Paper shows everything: folds open, figures light and as wide as a sheet.
function prepareFolds() {
  for (const fold of document.querySelectorAll("details")) {
    fold.addEventListener("toggle", () => {
      if (fold.open) refit();
    });
  }
}

function preparePrinting() {
  let opened = [];
  const begin = () => {
    if (state.printing) return;
    state.printing = true;
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const fold of opened) fold.open = true;
    drawAll();
  };
  const end = () => {
    if (!state.printing) return;
    state.printing = false;
    for (const fold of opened) fold.open = false;
    drawAll();
  };
  window.addEventListener("beforeprint", begin);
  window.addEventListener("afterprint", end);
  paper.addEventListener("change", () => (paper.matches ? begin() : end()));
}

// On a phone a card shows the first lines of its text, and the rest when asked.
function prepareCards() {
  for (const card of document.querySelectorAll(".card")) {
    const text = card.querySelector(".text");
    const more = element("button", "more", "more");
    more.type = "button";
    more.setAttribute("aria-expanded", "false");
    more.setAttribute("aria-label", `More: ${card.querySelector("h3").textContent}`);
    more.addEventListener("click", () => {
      const open = card.classList.toggle("open");
      more.setAttribute("aria-expanded", String(open));
      more.textContent = open ? "less" : "more";
    });
    card.querySelector("h3").after(more);
    const check = () => {
      more.hidden = !card.classList.contains("open") && text.scrollHeight <= text.clientHeight + 1;
    };
    check();
    narrow.addEventListener("change", check);
    window.addEventListener("resize", settled(check, 120));
  }
}

for (const grid of document.querySelectorAll(".grid")) prepareTable(grid);
prepareCards();
prepareFollowing();
prepareStrips();
prepareSaving();
prepareTheme();
prepareFolds();
preparePrinting();
window.addEventListener("resize", settled(refit, 120));
window.addEventListener("scroll", hideTip, { passive: true });
drawAll();
document.documentElement.dataset.ready = "";
