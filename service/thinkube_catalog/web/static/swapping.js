// Parts of a page renewed from the same address: the server stays the one that makes HTML.

// The only way from text to HTML: pages of this very service, parsed, never written into the page.
const policy = window.trustedTypes?.createPolicy("own-pages", { createHTML: (html) => html });

export function parse(html) {
  return new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
}

export async function load(address, options = {}) {
  const response = await fetch(address, { credentials: "same-origin", ...options });
  return { response, page: parse(await response.text()) };
}

// Put each element with `data-live` of a fresh page in place of the one with the same id.
export function renew(page, root = document) {
  for (const old of root.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    if (!fresh || fresh.isEqualNode(old)) continue;
    const focused = old.contains(document.activeElement) ? path(document.activeElement) : "";
    const open = new Set([...old.querySelectorAll("details[open][id]")].map((each) => each.id));
    const adopted = document.adoptNode(fresh);
    for (const each of adopted.querySelectorAll("details[id]")) if (open.has(each.id)) each.open = true;
    old.replaceWith(adopted);
    if (focused) document.querySelector(focused)?.focus({ preventScroll: true });
  }
  document.dispatchEvent(new CustomEvent("swapped"));
}

function path(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.name) return `[name="${CSS.escape(element.name)}"][value="${CSS.escape(element.value ?? "")}"]`;
  const href = element.getAttribute("href");
  return href ? `[data-live] a[href="${CSS.escape(href)}"]` : "";
}

let latest = 0;

// Go to an address of the same page without loading everything anew.
export async function visit(address, { push = true } = {}) {
  const turn = ++latest;
  let fetched;
  try {
    fetched = await load(address);
  } catch {
    location.assign(address);
    return;
  }
  if (turn !== latest) return;
  if (push) history.pushState({ swapped: true }, "", address);
  renew(fetched.page);
}

export function startSwapping() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-swap]");
    if (!link || event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    visit(link.href).then(() => document.dispatchEvent(new CustomEvent("visited", { detail: link.href })));
  });
  window.addEventListener("popstate", () => {
    if (document.querySelector("a[data-swap]")) {
      visit(location.href, { push: false }).then(() => document.dispatchEvent(new CustomEvent("visited", { detail: location.href })));
    }
  });
}
