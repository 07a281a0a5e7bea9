// What the parts of the page share: the data, the name that is followed, the place and its colours.
const data = JSON.parse(document.getElementById("data").textContent);
// Not a plain object: a name such as "constructor" must find nothing in it.
const darkFor = new Map(Object.entries(data.dark));
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const paper = matchMedia("print");
const narrow = matchMedia("(max-width: 640px)");
const state = { followed: null, printing: false };

const isPrinted = () => state.printing || paper.matches;

function isDark() {
  if (isPrinted()) return false;
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : prefersDark.matches;
}

// The numbers of the names that an element is about.
const namesOf = (element) => (element.dataset.names ? element.dataset.names.split(" ").map(Number) : []);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// The width of an element as a reader sees it: 0 inside a fold that is closed, where it is laid out
// too, but texts have no size yet.
const widthOf = (element) => (element.closest("details:not([open])") ? 0 : element.clientWidth);

// Calls that come close together become one.
function settled(action, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, milliseconds);
  };
}
