/** Puts the attributes of live.html on the body, where the modules of page.js look for them. */

/** @type {any} */
const said = document.querySelector("[data-notifications]");
Object.assign(document.body.dataset, said.dataset);
