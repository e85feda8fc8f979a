// The list and the map: filters act at once, several can be chosen, and what is shown stays true.
import { load, renew } from "./swapping.js";
import { text } from "./texts.js";
import { clockTime } from "./times.js";

const EVERY = 5000;
let turn = 0;
let seen = new Date();

export function start() {
  const filters = document.querySelector("[data-filters]");
  if (filters) startFilters(filters);
  document.addEventListener("change", (event) => {
    if ("all" in event.target.dataset) for (const box of boxes()) box.checked = event.target.checked;
    count();
  });
  const now = () => document.hidden || show(location.href);
  setInterval(now, EVERY);
  document.addEventListener("visibilitychange", now);
  window.addEventListener("online", now);
  count();
}

function startFilters(form) {
  let timer;
  const apply = async () => {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    const address = query.size ? `${form.getAttribute("action")}?${query}` : form.getAttribute("action");
    history.replaceState(history.state, "", address);
    await show(address);
  };
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(apply, event.target.type === "search" ? 150 : 0);
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
}

// Show an address anew; what was chosen stays chosen. Only the latest answer counts.
async function show(address) {
  const mine = ++turn;
  try {
    const { response, page } = await load(address);
    if (mine !== turn) return;
    if (!response.ok) throw new Error(String(response.status));
    const chosen = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
    const total = document.querySelector("[data-count]");
    if (total) total.textContent = page.querySelector("[data-count]").textContent;
    renew(page);
    for (const box of boxes()) box.checked = chosen.has(box.value);
    seen = new Date();
    say("");
    count();
  } catch {
    say(text("lost", { time: clockTime(seen) }));
  }
}

function say(lost) {
  const line = document.querySelector("[data-lost]");
  line.textContent = lost;
  line.hidden = !lost;
  document.body.classList.toggle("stale", Boolean(lost));
}

function boxes() {
  return [...document.querySelectorAll("#list input[name=name]")];
}

function count() {
  const bulk = document.querySelector("[data-bulk]");
  if (!bulk) return;
  const n = boxes().filter((box) => box.checked).length;
  bulk.querySelector("span").textContent = n ? text("chosen", { n }) : bulk.dataset.bulk;
  for (const button of bulk.querySelectorAll("button")) button.disabled = !n;
  const all = document.querySelector("[data-all]");
  all.checked = n > 0 && n === boxes().length;
  all.indeterminate = n > 0 && !all.checked;
}
