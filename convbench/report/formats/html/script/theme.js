// Before anything is shown: the choice between light and dark that a reader made earlier.
try {
  const chosen = localStorage.getItem("convbench-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // A browser that keeps nothing for files shows what the system asks for.
}
