// Search as you type; the address always says what is shown.
import { announce } from "./texts.js";
import { refresh, visit } from "./swapping.js";

const SOON = 700;
const SELDOM = 15000;

export function start() {
  const form = document.querySelector("[data-search]");
  const input = form.elements.q;
  let timer;
  let typing = false;

  const address = () => {
    const now = new URL(location.href);
    now.searchParams.delete("after");
    if (input.value.trim()) now.searchParams.set("q", input.value);
    else now.searchParams.delete("q");
    return now.href;
  };
  const search = async () => {
    const first = !typing;
    typing = true;
    if (!first) history.replaceState(history.state, "", address());
    await visit(address(), { push: first });
    announce(document.querySelector("[data-count]").textContent);
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 90);
  });
  input.addEventListener("blur", () => { typing = false; });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    search();
  });
  document.addEventListener("visited", (event) => {
    const shown = new URL(event.detail).searchParams;
    input.value = shown.get("q") ?? "";
  });
  document.addEventListener("keydown", (event) => keys(event, input));
  complete();
}

// Cards of templates that nobody had looked at are completed once somebody has.
async function complete(wait = SOON) {
  await new Promise((resolve) => setTimeout(resolve, wait));
  const open = document.querySelector("[data-unchecked]") && !document.hidden;
  if (open) await refresh().catch(() => {}); // The next turn tries again.
  complete(open ? Math.min(wait * 2, SELDOM) : SOON);
}

function keys(event, input) {
  const elsewhere = event.target.closest("input, textarea, select");
  if (event.key === "/" && !elsewhere && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    input.focus();
    input.select();
  } else if (event.key === "Escape" && event.target === input && input.value) {
    event.preventDefault();
    input.value = "";
    input.dispatchEvent(new Event("input"));
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const stops = [input, ...document.querySelectorAll(".card h2 a")];
    const at = stops.indexOf(document.activeElement);
    const next = stops[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (at >= 0 && next) {
      event.preventDefault();
      next.focus();
    }
  }
}
