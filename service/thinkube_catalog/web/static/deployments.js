// The list: filters act at once, one box chooses all.
import { load, renew } from "./swapping.js";

export function start() {
  const form = document.querySelector("[data-filters]");
  if (!form) return;
  let timer;
  let turn = 0;
  const apply = async () => {
    const mine = ++turn;
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    const address = query.size ? `${form.getAttribute("action")}?${query}` : form.getAttribute("action");
    const { page } = await load(address);
    if (mine !== turn) return;
    history.replaceState(history.state, "", address);
    document.querySelector("[data-count]").textContent = page.querySelector("[data-count]").textContent;
    renew(page);
  };
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(apply, event.target.type === "search" ? 150 : 0);
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  document.addEventListener("change", (event) => {
    if (!("all" in event.target.dataset)) return;
    for (const box of document.querySelectorAll("input[name=name]")) box.checked = event.target.checked;
  });
}
