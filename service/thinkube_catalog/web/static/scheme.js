// The colour scheme: as the system, light, dark; remembered in this browser.
import { announce } from "./texts.js";

const ORDER = ["system", "light", "dark"];

function chosen() {
  return document.documentElement.dataset.theme ?? "system";
}

function apply(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch { /* Not remembered, then. */ }
}

export function startTheme() {
  const button = document.querySelector("[data-theme-button]");
  const label = button.getAttribute("aria-label");
  const show = () => {
    const words = `${label}: ${button.dataset[chosen()]}`;
    button.setAttribute("aria-label", words);
    button.title = words;
    const use = button.querySelector("use");
    const sprite = use.getAttribute("href").split("#")[0];
    use.setAttribute("href", `${sprite}#${chosen() === "light" ? "sun" : chosen() === "dark" ? "moon" : "contrast"}`);
  };
  button.addEventListener("click", () => {
    apply(ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length]);
    show();
    announce(button.title);
  });
  show();
}
