// Several at once: each plan is worked out and each change asked for one after the other, and seen.
import { load } from "./swapping.js";
import { announce, text } from "./texts.js";

let looking = true;

export function start() {
  const form = document.querySelector("[data-confirm]");
  if (!form) return;
  look(form);
  form.addEventListener("submit", (event) => { event.preventDefault(); ask(form); });
}

async function look(form) {
  const lines = [...document.querySelectorAll("[data-summary]")];
  for (const line of lines) {
    if (!looking) return;
    const link = says(line).firstElementChild;
    say(line, text("merging"));
    const fresh = await answer(line, line.dataset.summary, {});
    if (!looking) return;
    if (!fresh) says(line).replaceChildren(link);
    else if (fresh.classList.contains("stays")) leaveOut(form, line.dataset.name);
    if (fresh) line.replaceWith(fresh);
  }
  if (lines.length) announce(text("planned"));
}

// Each is sent alone, with what else the form holds: its key makes sending it again harmless.
async function ask(form) {
  const button = form.querySelector("button");
  if (button.disabled) return;
  looking = false;
  button.disabled = true;
  const rest = [...new FormData(form)].filter(([name]) => name !== "name");
  for (const each of inputs(form)) {
    const line = lineOf(each.value);
    say(line, text("asking"));
    line.scrollIntoView({ block: "nearest" });
    const body = new URLSearchParams([...rest, ["name", each.value]]);
    const fresh = await answer(line, form.getAttribute("action"), { method: "POST", body });
    if (!fresh) { unreached(line, button); return; }
    line.replaceWith(fresh);
    each.remove();
  }
  const lead = document.querySelector("[data-lead]");
  lead.textContent = lead.dataset.lead;
  form.remove();
  announce(text("asked"));
}

function unreached(line, button) {
  say(line, text("unreached"));
  announce(text("unreached"));
  button.disabled = false;
}

// The same line of a page that was made for this one deployment; none when there was no such page.
async function answer(line, address, options) {
  try {
    const { page } = await load(address, options);
    const fresh = page.querySelector(`[data-name="${CSS.escape(line.dataset.name)}"]`);
    return fresh && document.adoptNode(fresh);
  } catch {
    return null;
  }
}

function inputs(form) {
  return [...form.querySelectorAll("input[name=name]")];
}

function leaveOut(form, name) {
  inputs(form).find((each) => each.value === name)?.remove();
  const button = form.querySelector("button");
  const n = inputs(form).length;
  button.textContent = n === 1 ? button.dataset.one : button.textContent.replace(/\d+/, n);
  button.disabled = !n;
}

function lineOf(name) {
  return document.querySelector(`[data-name="${CSS.escape(name)}"]`);
}

function says(line) {
  const found = line.querySelector("[data-says]");
  if (found) return found;
  const made = document.createElement("p");
  made.className = "small";
  made.dataset.says = "";
  line.lastElementChild.append(made);
  return made;
}

function say(line, message) {
  says(line).textContent = message;
}
