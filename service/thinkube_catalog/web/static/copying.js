// Buttons that copy a text.
import { announce, text } from "./texts.js";

export function startCopying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    announce(text("copied"));
    button.classList.add("good");
    setTimeout(() => button.classList.remove("good"), 1500);
  });
}
