// The live form: after each change the server evaluates everything anew and says what to show.
import { announce, text } from "./texts.js";
import { load, renew } from "./swapping.js";

let form;
let changes = 0;
let timer;

export function start() {
  form = document.querySelector("[data-deploy]");
  restore();
  form.addEventListener("input", (event) => {
    if (event.target.dataset.filter) return filter(event.target);
    changed(event.target.type === "text" || event.target.tagName === "TEXTAREA" ? 200 : 0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = event.submitter;
    if (button?.name === "file") check(button.value);
    else if (button && "send" in button.dataset) send(button);
    else check();
  });
}

// Not `form.action`: the form has buttons of that name.
function address() {
  return form.getAttribute("action");
}

function changed(wait) {
  changes += 1;
  clearTimeout(timer);
  timer = setTimeout(() => check(), wait);
}

// Everything but what was typed as a secret: a preview does not need it.
function body(extra = {}) {
  const data = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (!name.startsWith("v.")) data.append(name, value);
  for (const [name, value] of Object.entries(extra)) data.append(name, value);
  return data;
}

async function check(file = "", data = body(file ? { file } : {})) {
  const at = changes;
  save(data);
  let fetched;
  try {
    fetched = await load(address(), { method: "POST", body: data });
  } catch {
    return; // The next change tries again; nothing that was typed is lost.
  }
  if (at !== changes) return;
  show(fetched.page);
}

async function send(button) {
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  try {
    const data = new URLSearchParams(new FormData(form));
    data.append("action", "deploy");
    const { response, page } = await load(address(), { method: "POST", body: data });
    if (response.redirected && response.ok) {
      forget();
      location.assign(response.url);
      return;
    }
    if (page.getElementById("deploy")) {
      show(page);
      const summary = page.getElementById("summary");
      document.getElementById("summary").replaceChildren(...document.adoptNode(summary).childNodes);
      document.querySelector(".wrong input, .wrong select, .wrong textarea")?.focus();
    } else {
      announce(page.querySelector("h1")?.textContent ?? "");
      document.getElementById("summary").replaceChildren(...document.adoptNode(page.querySelector("main")).childNodes);
    }
  } catch {
    const again = document.createElement("p");
    again.className = "callout bad-callout";
    again.textContent = button.dataset.offline ?? "";
    if (again.textContent) document.getElementById("summary").replaceChildren(again);
  }
  button.removeAttribute("aria-disabled");
}

function show(page) {
  questions(page);
  const kept = page.querySelector("[data-kept]");
  if (kept) document.querySelector("[data-kept]").replaceChildren(...document.adoptNode(kept).childNodes);
  for (const fresh of page.querySelectorAll("[data-secret]")) {
    const old = form.querySelector(`[data-secret="${CSS.escape(fresh.dataset.secret)}"]`);
    if (old) parts(old, fresh);
  }
  renew(page);
}

// Questions come, go and change; the one that is being answered keeps its field and its cursor.
function questions(page) {
  const list = form.querySelector("[data-questions]");
  const fresh = [...page.querySelectorAll("[data-question]")];
  if (!fresh.length) return;
  const wanted = new Set(fresh.map((each) => each.dataset.question));
  for (const old of [...list.children]) if (!wanted.has(old.dataset.question)) old.remove();
  fresh.forEach((each, place) => {
    const old = list.querySelector(`[data-question="${CSS.escape(each.dataset.question)}"]`);
    const at = list.children[place];
    if (!old) list.insertBefore(document.adoptNode(each), at ?? null);
    else if (old.contains(document.activeElement)) parts(old, each);
    else if (!old.isEqualNode(each) || changedByHand(old, each)) old.replaceWith(document.adoptNode(each));
  });
}

function changedByHand(old, fresh) {
  const values = (root) => [...root.querySelectorAll("input, select, textarea")].map((each) => each.value + each.checked).join("\n");
  return values(old) !== values(fresh);
}

function parts(old, fresh) {
  const error = fresh.querySelector("[data-part=error]")?.textContent.trim() ?? "";
  if (error && error !== old.querySelector("[data-part=error]").textContent.trim()) announce(error);
  old.className = fresh.className;
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const mine = old.querySelector(`[data-part="${part.dataset.part}"]`);
    if (part.dataset.part === "default") mine.value = part.value;
    else mine.replaceWith(document.adoptNode(part));
  }
  const wrong = fresh.classList.contains("wrong");
  const field = old.querySelector("input:not([type=hidden]), select, textarea");
  if (field && field.type !== "radio" && field.type !== "checkbox") {
    if (wrong) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
}

function filter(input) {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const choices = [...document.getElementById(input.dataset.filter).querySelectorAll("[data-words]")];
  for (const each of choices) {
    const known = each.dataset.words.toLowerCase();
    each.hidden = !words.every((word) => known.includes(word)) && !each.querySelector(":checked");
  }
  const found = text("models", { n: choices.filter((each) => !each.hidden).length, all: choices.length });
  document.getElementById(input.getAttribute("aria-describedby")).textContent = found;
  announce(found);
}

// A draft survives a reload in this tab; secrets are no part of it.
const drawer = () => `draft ${location.pathname}${location.search}`;

function save(data) {
  try { sessionStorage.setItem(drawer(), data.toString()); } catch { /* Then not. */ }
}

function forget() {
  try { sessionStorage.removeItem(drawer()); } catch { /* Nothing is there. */ }
}

function restore() {
  let draft = "";
  try { draft = sessionStorage.getItem(drawer()) ?? ""; } catch { /* Nothing is there. */ }
  if (!draft) return;
  const data = new URLSearchParams(draft);
  data.set("csrf", form.elements.csrf.value);
  form.elements.key.value = data.get("key") ?? form.elements.key.value;
  for (const [name, value] of data) {
    if (!name.startsWith("s.")) continue;
    const field = form.elements[name];
    if (field) field.value = value;
  }
  check("", data);
}
