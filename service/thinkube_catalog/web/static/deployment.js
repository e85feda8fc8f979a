// Progress that never lies: the log of events is followed by cursor, by stream or by polling alike;
// what is shown is always what the server makes of it, and a lost connection is said.
import { announce, text } from "./texts.js";
import { load, renew } from "./swapping.js";
import { clockTime } from "./times.js";
import { followLog } from "./following.js";

const MOST_WAIT = 15000;
let source;
let failures = 0;
let cursor = 0;
let seen = new Date();
let timer;
let refreshing = false;
let again = false;
let polling = false;

export function start() {
  cursor = Number(head().dataset.cursor);
  followLog();
  connect();
  setInterval(tick, 1000);
  setInterval(() => document.hidden || soon(0), 10000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return disconnect();
    soon(0);
    connect();
  });
  window.addEventListener("online", () => soon(0));
}

const head = () => document.getElementById("head");

// A stream where it works; after some failures in a row plain polling, which needs less of a network.
function connect() {
  disconnect();
  if (failures >= 3) return poll();
  source = new EventSource(`${head().dataset.follow}?after=${cursor}`);
  source.onopen = () => { failures = 0; found(); };
  source.onmessage = (event) => {
    const number = Number(event.lastEventId);
    if (number <= cursor) return;
    cursor = number;
    soon();
  };
  source.onerror = () => {
    failures += 1;
    lost();
    disconnect();
    setTimeout(() => document.hidden || connect(), Math.min(MOST_WAIT, 500 * 2 ** failures));
  };
}

function disconnect() {
  source?.close();
  source = undefined;
}

async function poll() {
  if (polling) return;
  polling = true;
  while (!document.hidden && !source) {
    try {
      const response = await fetch(`${head().dataset.follow}?after=${cursor}&wait=20`);
      if (!response.ok) throw new Error(String(response.status));
      const page = await response.json();
      if (page.items.length) soon();
      cursor = Math.max(cursor, page.next);
      found();
    } catch {
      lost();
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
  polling = false;
}

function soon(wait = 120) {
  clearTimeout(timer);
  timer = setTimeout(refresh, wait);
}

// One at a time; what comes meanwhile leads to one more.
async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    const before = document.getElementById("state")?.textContent;
    const { response, page } = await load(location.href);
    if (response.status === 410) return location.reload();
    if (!response.ok) throw new Error(String(response.status));
    renew(page);
    found();
    const after = document.getElementById("state")?.textContent;
    if (before !== after) announce(after);
  } catch {
    lost();
    soon(2000);
  } finally {
    refreshing = false;
    if (again) { again = false; soon(); }
  }
}

function lost() {
  const line = document.querySelector("[data-lost]");
  line.textContent = text("lost", { time: clockTime(seen) });
  line.hidden = false;
  document.body.classList.add("stale");
}

function found() {
  seen = new Date();
  const line = document.querySelector("[data-lost]");
  if (line.hidden) return;
  line.hidden = true;
  document.body.classList.remove("stale");
  announce(text("back"));
}

// Seconds of the step under way go on between two looks, but not while nobody answers.
function tick() {
  if (document.body.classList.contains("stale")) return;
  for (const each of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, (Date.now() - Date.parse(each.dataset.since)) / 1000);
    each.textContent = seconds < 60 ? `${Math.round(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  }
}
