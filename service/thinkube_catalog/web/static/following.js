// Follows a list that only grows (events, log lines) from a cursor on: nothing missed, none twice.
// A stream where streams get through, asking again and again where they do not. While nobody looks
// at the page nothing is held open: browsers have few connections for all pages of one service.

const SILENT = 40000; // A stream says something at least every 15 s; one that does not is dead.
const HELD = 20; // Seconds for which the service holds a question that has no answer yet.
const FAULTS = 2; // So many streams in a row may bring nothing before they are given up for a while.
const WITHOUT_STREAMS = 60000;
const SLOWEST = 5000;

// With `every`, asks once in so many milliseconds and holds no connection open in between.
// `onMissing` is given the status of an answer that is no list, and says whether to give up.
export function follow(address, { cursor, every = 0, onItems, onLost, onBack, onMissing }) {
  const state = { address, cursor, every, lost: false, failures: 0, faults: 0, stopped: false };
  state.tell = (items, next) => {
    state.cursor = next;
    if (items.length) onItems(items);
  };
  state.well = () => {
    state.failures = 0;
    if (state.lost) onBack?.();
    state.lost = false;
  };
  run(state, onLost, onMissing);
  const stopWatching = watch(state);
  return () => {
    state.stopped = true;
    stopWatching();
    again(state);
  };
}

async function run(state, onLost, onMissing) {
  while (!state.stopped) {
    if (document.hidden) await pause(60000, state);
    else await turn(state, onLost, onMissing);
  }
}

async function turn(state, onLost, onMissing) {
  try {
    const status = await (state.every || withoutStreams(state) ? ask(state) : stream(state));
    if (status && onMissing(status)) state.stopped = true;
    else await pause(status ? 3000 : state.every, state);
  } catch {
    if (state.stopped || document.hidden) return;
    state.failures += 1;
    if (state.failures > 1 && !state.lost) {
      state.lost = true;
      onLost?.();
    }
    await pause(Math.min(250 * 2 ** state.failures, SLOWEST), state);
  }
}

// Some networks let no stream through; then asking again and again does as well.
function withoutStreams(state) {
  if (state.faults < FAULTS) return false;
  state.since ??= Date.now();
  if (Date.now() - state.since < WITHOUT_STREAMS) return true;
  state.since = undefined;
  state.faults = 0;
  return false;
}

// After a sleep, or with another network, what was open may be dead without knowing it.
function watch(state) {
  let last = Date.now();
  const timer = setInterval(() => {
    if (Date.now() - last > 15000) again(state);
    last = Date.now();
  }, 3000);
  const wake = () => again(state);
  window.addEventListener("online", wake);
  document.addEventListener("visibilitychange", wake);
  return () => {
    clearInterval(timer);
    window.removeEventListener("online", wake);
    document.removeEventListener("visibilitychange", wake);
  };
}

function again(state) {
  state.abort?.abort();
  state.wake?.();
}

function pause(milliseconds, state) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    state.wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

async function request(state, accept, held) {
  state.abort = new AbortController();
  const url = new URL(state.address, location.href);
  if (state.cursor) url.searchParams.set("after", state.cursor);
  if (held) url.searchParams.set("wait", held);
  const options = { headers: { Accept: accept }, signal: state.abort.signal, cache: "no-store" };
  const response = await fetch(url, options);
  if (response.status >= 500 || response.status === 429) throw new Error(String(response.status));
  return response;
}

async function ask(state) {
  const response = await request(state, "application/json", state.every ? 0 : HELD);
  if (!response.ok) return response.status;
  const page = await response.json();
  state.well();
  state.tell(page.items, page.next || state.cursor);
  return 0;
}

async function stream(state) {
  state.faults += 1; // until it brings something
  const response = await request(state, "text/event-stream");
  if (!response.ok) return response.status;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await heard(reader, state);
    if (done) throw new Error("the stream has ended");
    state.faults = 0;
    state.well();
    const parts = (text + value).split("\n\n");
    text = parts.pop();
    const items = parts.flatMap(item);
    if (items.length) state.tell(items, items.at(-1).cursor);
  }
}

function item(part) {
  const line = part.split("\n").find((each) => each.startsWith("data: "));
  return line ? [JSON.parse(line.slice(6))] : [];
}

async function heard(reader, state) {
  const timer = setTimeout(() => state.abort.abort(), SILENT);
  try {
    return await reader.read();
  } finally {
    clearTimeout(timer);
  }
}
