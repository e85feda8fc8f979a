// The log: lines are added as text, in order and each once; it follows until the reader scrolls up.
import { clockTime } from "./times.js";

const MOST_LINES = 3000;
const CODES = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;

export function followLog() {
  const log = document.querySelector("[data-log]");
  const following = document.querySelector("[data-follow-log]");
  bottom(log);
  log.addEventListener("scroll", () => {
    following.checked = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  });
  following.addEventListener("change", () => following.checked && bottom(log));
  read(log, following);
}

async function read(log, following) {
  let cursor = log.dataset.cursor;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, document.hidden ? 3000 : 1000));
    if (document.hidden) continue;
    try {
      const response = await fetch(`${log.dataset.log}?${new URLSearchParams({ after: cursor, limit: "500" })}`);
      if (!response.ok) continue;
      const page = await response.json();
      if (!page.items.length) continue;
      cursor = page.next;
      log.append(...page.items.map(line));
      while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
      document.querySelector("[data-log-empty]").hidden = true;
      if (following.checked) bottom(log);
    } catch { /* The head of the page says that the connection is lost. */ }
  }
}

function line(item) {
  const row = document.createElement("span");
  row.className = "log-line";
  const from = document.createElement("span");
  from.className = "log-from";
  from.textContent = `${clockTime(new Date(item.at))} ${item.container}`;
  row.append(from, ` ${item.text.replace(CODES, "")}\n`);
  return row;
}

function bottom(log) {
  log.scrollTop = log.scrollHeight;
}
