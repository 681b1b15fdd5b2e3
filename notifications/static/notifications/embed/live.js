/** For pages with a frame of their own (live.html): puts what it says where page.js looks, and runs that. */

/** @type {any} */
const said = document.querySelector("[data-notifications]");
Object.assign(document.body.dataset, said.dataset);
void import("../page.js");
