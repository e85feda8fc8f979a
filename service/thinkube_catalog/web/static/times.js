// Times in the reader's zone and language. The server writes UTC, which stands without scripts.
import { text } from "./texts.js";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

export function clockTime(date) {
  return clock.format(date);
}

function ago(date) {
  const seconds = (date.getTime() - Date.now()) / 1000;
  if (Math.abs(seconds) < 5) return text("ago_now");
  if (Math.abs(seconds) > 30 * 86400) return exact.format(date);
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? UNITS.at(-1);
  return relative.format(Math.round(seconds / size), unit);
}

export function showTimes(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const date = new Date(element.dateTime);
    const shown = element.dataset.style === "clock" ? clock.format(date)
      : element.dataset.style === "exact" ? exact.format(date) : ago(date);
    if (element.textContent !== shown) element.textContent = shown;
    element.title = exact.format(date);
  }
}

export function startTimes() {
  showTimes();
  setInterval(() => document.hidden || showTimes(), 15000);
  document.addEventListener("swapped", () => showTimes());
}
