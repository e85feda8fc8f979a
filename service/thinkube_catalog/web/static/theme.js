// Runs before the page is drawn: marks that scripts work, and sets the chosen colour scheme.
"use strict";
document.documentElement.classList.remove("no-js");
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* Storage may be forbidden; then the system's scheme holds. */ }
