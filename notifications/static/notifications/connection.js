/** Says in words how the page is connected. */

/** A blink is no news: only what lasts longer is said. */
const GRACE = 2500;
/** Nor is it that a page connects, if it does at once. */
const PROMPT = 500;
/** A server in trouble takes connections only to end them. */
const SETTLED = 250;

let coming;
let timer;

function patience(said, state) {
  if (said === "live") return state === "ended" ? 0 : GRACE;
  if (said === "reconnecting") return SETTLED;
  return state === "connecting" ? PROMPT : 0;
}

/** @param {HTMLElement | null} element @param {State} state */
export function showConnection(element, state) {
  if (!element || state === coming) return;
  const said = element.hidden ? "" : element.dataset.connection;
  clearTimeout(timer);
  coming = state === said ? undefined : state;
  if (!coming) return;
  timer = setTimeout(() => {
    coming = undefined;
    element.hidden = false;
    element.dataset.connection = state;
    element.textContent = element.getAttribute(`data-label-${state}`);
  }, patience(said, state));
}
