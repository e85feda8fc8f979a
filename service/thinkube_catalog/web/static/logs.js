// The log: follows, holds new lines back while the reader looks at older ones, shows one container
// or all, and never grows without end.
import { load } from "./swapping.js";
import { follow } from "./following.js";
import { text } from "./texts.js";
import { showTimes } from "./times.js";

const MOST_LINES = 3000;
const LONGEST = 4000;
const EVERY = 1000;
const CODES = /\u001b\[[0-9;?]*[ -/]*[@-~]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

export function startLog() {
  const log = document.querySelector("[data-log]");
  const following = document.querySelector("[data-follow-log]");
  const select = document.querySelector("[data-container]");
  const held = [];
  let stop;

  const show = (lines) => {
    log.append(...lines.map(row));
    while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
    showTimes(log);
    document.querySelector("[data-log-empty]").hidden = log.childElementCount > 0;
  };
  const keepUp = () => {
    if (following.checked) {
      show(held.splice(0));
      log.scrollTop = log.scrollHeight;
    }
    const label = document.querySelector("[data-follow-label]");
    label.textContent = held.length ? text("held", { n: held.length }) : text("follow");
  };
  const begin = () => {
    stop?.();
    const address = new URL(log.dataset.log, location.href);
    address.searchParams.set("limit", "1000");
    if (select.value) address.searchParams.set("container", select.value);
    stop = follow(address, {
      cursor: log.dataset.cursor,
      every: EVERY,
      onItems(lines) {
        held.push(...lines);
        held.splice(0, held.length - MOST_LINES);
        keepUp();
      },
      onMissing: () => false, // The engine does not know it yet; it will.
    });
  };
  log.addEventListener("scroll", () => {
    const end = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (end === following.checked) return;
    following.checked = end;
    keepUp();
  });
  following.addEventListener("change", keepUp);
  select.addEventListener("change", async () => {
    const address = new URL(location.href);
    if (select.value) address.searchParams.set("container", select.value);
    else address.searchParams.delete("container");
    history.replaceState(history.state, "", address);
    const { page } = await load(address);
    const fresh = page.querySelector("[data-log]");
    if (!fresh) return;
    held.length = 0;
    log.dataset.cursor = fresh.dataset.cursor;
    log.replaceChildren(...document.adoptNode(fresh).childNodes);
    following.checked = true;
    show([]);
    keepUp();
    begin();
  });
  log.scrollTop = log.scrollHeight;
  begin();
}

// A new version may have other containers; the reader's choice stays where it can.
export function offerContainers(page) {
  const select = document.querySelector("[data-container]");
  const fresh = page.querySelector("[data-container]");
  const names = (of) => [...of.options].map((each) => each.value).join("\n");
  if (!fresh || names(fresh) === names(select)) return;
  const chosen = select.value;
  select.replaceChildren(...document.adoptNode(fresh).childNodes);
  select.value = chosen;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
}

function row(line) {
  const made = document.createElement("span");
  made.className = "log-line";
  const from = document.createElement("span");
  from.className = "log-from";
  const time = document.createElement("time");
  time.dateTime = line.at;
  time.dataset.style = "clock";
  from.append(time, ` ${line.container}`);
  made.append(from, ` ${line.text.replace(CODES, "").slice(0, LONGEST)}\n`);
  return made;
}
