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

// Put each element with `data-live` of a fresh page in place of the one with the same id. What the
// reader has done stays: where the focus is, what is opened or closed, how far a part is scrolled.
export function renew(page, root = document) {
  for (const old of root.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    if (!fresh || fresh.isEqualNode(old)) continue;
    const adopted = document.adoptNode(fresh);
    for (const each of adopted.querySelectorAll("details[id]")) {
      const before = old.querySelector(`#${CSS.escape(each.id)}`);
      if (before) each.open = before.open;
    }
    const scrolled = [...old.querySelectorAll("[tabindex], nav")].filter((each) => each.scrollTop || each.scrollLeft);
    const places = scrolled.map((each) => [counterpart(each, old, adopted), each.scrollTop, each.scrollLeft]);
    const inside = old.contains(document.activeElement);
    const focused = inside ? counterpart(document.activeElement, old, adopted) : undefined;
    old.replaceWith(adopted);
    for (const [part, top, left] of places) part?.scrollTo({ top, left, behavior: "instant" });
    if (inside) focus(focused, adopted);
  }
  document.dispatchEvent(new CustomEvent("swapped"));
}

// What was focused may be gone; then the part that it was in is where reading goes on.
function focus(element, part) {
  element?.focus({ preventScroll: true });
  if (element && document.activeElement === element) return;
  part.tabIndex = -1;
  part.focus({ preventScroll: true });
}

// The element of a fresh part that is what another was in the old one.
function counterpart(element, old, fresh) {
  const alike = (root) => [...root.querySelectorAll(element.localName)].filter((each) => same(each, element));
  return alike(fresh)[alike(old).indexOf(element)];
}

const NAMING = ["id", "data-key", "name", "aria-label"];

function same(one, other) {
  for (const each of NAMING) {
    if (one.hasAttribute(each) || other.hasAttribute(each)) {
      if (one.getAttribute(each) !== other.getAttribute(each)) return false;
      if (each === "id" || each === "data-key") return true;
    }
  }
  if (one.localName === "a") return one.getAttribute("href") === other.getAttribute("href");
  if ("value" in one) return one.value === other.value && (one.name || one.textContent === other.textContent);
  return one.className === other.className;
}

let latest = 0;
let shown = asked(location);

// What the server is asked for: a place within the page is no other page.
function asked(address) {
  return address.pathname + address.search;
}

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
  shown = asked(new URL(address, location.href));
  renew(fetched.page);
}

// Ask for what is shown once more, unless something else has been asked for meanwhile.
export async function refresh() {
  const turn = latest;
  const address = location.href;
  const { response, page } = await load(address);
  if (turn === latest && address === location.href && response.ok) renew(page);
}

export function startSwapping() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-swap]");
    if (!link || event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    visit(link.href).then(() => document.dispatchEvent(new CustomEvent("visited", { detail: link.href })));
  });
  window.addEventListener("popstate", () => {
    if (asked(location) !== shown && document.querySelector("a[data-swap]")) {
      visit(location.href, { push: false }).then(() => document.dispatchEvent(new CustomEvent("visited", { detail: location.href })));
    }
  });
}
