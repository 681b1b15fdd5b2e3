/** Puts the attributes of live.html, or of an element, on the body, where the modules of page.js look for them. */

const adopt = () => {
  /** @type {HTMLElement | null} */
  const said = document.querySelector("[data-notifications]");
  Object.assign(document.body.dataset, said?.dataset);
};

adopt();
// Turbo and its like replace the body.
new MutationObserver(adopt).observe(document.documentElement, { childList: true });
