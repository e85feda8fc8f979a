// Progress that never lies: the log of events is followed by cursor, and what is shown is always
// what the server makes of it. A lost connection is said, and nothing seems to go on meanwhile.
import { follow } from "./following.js";
import { offerContainers, startLog } from "./logs.js";
import { load, renew } from "./swapping.js";
import { announce, text } from "./texts.js";
import { clockTime } from "./times.js";

const NOW_AND_THEN = 10000; // For what no event tells, such as a container that was started again.
let seen = new Date();
let shownAt = performance.now();
let refreshing = false;
let wanted = false;

export function start() {
  const { follow: address, cursor } = document.getElementById("head").dataset;
  startLog();
  follow(address, { cursor, onItems: refresh, onLost: lost, onBack: back, onMissing: reload });
  setInterval(tick, 1000);
  setInterval(() => document.hidden || refresh(), NOW_AND_THEN);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}

// One at a time; what comes meanwhile leads to one more.
async function refresh() {
  wanted = true;
  if (refreshing) return;
  refreshing = true;
  while (wanted) {
    wanted = false;
    try {
      await show();
    } catch { /* The one who follows says so, and comes here again when the connection is back. */ }
    await new Promise((resolve) => setTimeout(resolve, 120));
  }
  refreshing = false;
}

async function show() {
  const { response, page } = await load(location.href);
  if (response.status === 410 || response.status === 404) return location.reload();
  if (!response.ok) return;
  const before = progress();
  offerContainers(page);
  renew(page);
  seen = new Date();
  shownAt = performance.now();
  const after = progress();
  if (before !== after) announce(after);
}

// What is worth saying when it changes: not each message, and not each second that passes.
function progress() {
  const state = document.getElementById("state").textContent.trim();
  const step = document.querySelector(".step-active")?.dataset.step;
  return step ? text("step", { state, step }) : state;
}

function reload() {
  location.reload();
  return true;
}

function lost() {
  const line = document.querySelector("[data-lost]");
  line.textContent = text("lost", { time: clockTime(seen) });
  line.hidden = false;
  document.body.classList.add("stale");
}

function back() {
  document.querySelector("[data-lost]").hidden = true;
  document.body.classList.remove("stale");
  announce(text("back"));
  refresh();
}

// Seconds of the step under way go on between two looks, but not while nobody answers. They grow
// from what the service measured: the reader's clock may be wrong.
function tick() {
  if (document.body.classList.contains("stale")) return;
  const passed = (performance.now() - shownAt) / 1000;
  for (const each of document.querySelectorAll("[data-elapsed]")) {
    const shown = duration(Number(each.dataset.elapsed) + passed);
    if (each.textContent !== shown) each.textContent = shown;
  }
}

function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours} h ${minutes} min` : `${minutes} min ${whole % 60} s`;
}
