// The texts that scripts show, from the page that the server made.
const texts = JSON.parse(document.getElementById("texts").textContent);

export function text(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

export function announce(message) {
  document.querySelector("[data-announce]").textContent = message;
}
