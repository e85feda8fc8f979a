// What every page does; a page's own module is loaded by its name.
import { startTimes } from "./times.js";
import { startTheme } from "./scheme.js";
import { startCopying } from "./copying.js";
import { startSwapping } from "./swapping.js";

startTheme();
startTimes();
startCopying();
startSwapping();

const own = document.body.dataset.script;
if (own) import(`./${own}.js`).then((module) => { module.start(); ready(); });
else ready();

function ready() {
  document.body.dataset.ready = "yes";
}
