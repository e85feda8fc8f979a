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
if (own === "catalog") import("./catalog.js").then(begin);
if (own === "deploy") import("./deploy.js").then(begin);
if (own === "deployment") import("./deployment.js").then(begin);
if (own === "deployments") import("./deployments.js").then(begin);

function begin(module) {
  module.start();
  document.body.dataset.ready = "yes";
}
