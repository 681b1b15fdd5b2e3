// @ts-check
/** Says in words how the page is connected. The words are the element's data-label-… attributes. */

/** A blink is no news: only what lasts longer is said. */
const GRACE = 2000;
/** A server in trouble may take a connection only to end it. */
const SETTLED = 250;

/** @type {WeakMap<HTMLElement, ReturnType<typeof setTimeout>>} */
const pending = new WeakMap();

/**
 * @param {HTMLElement} element
 * @param {import("./stream.js").State | "polling"} state
 */
function say(element, state) {
  element.dataset.connection = state;
  element.textContent = element.getAttribute(`data-label-${state}`);
}

/**
 * @param {HTMLElement | null} element
 * @param {import("./stream.js").State | "polling"} state
 */
export function showConnection(element, state) {
  if (!element) return;
  clearTimeout(pending.get(element));
  element.hidden = false;
  const said = element.dataset.connection;
  let delay = 0;
  if (said === "live" && (state === "connecting" || state === "reconnecting")) delay = GRACE;
  if (said === "reconnecting" && state === "live") delay = SETTLED;
  if (delay === 0) say(element, state);
  else
    pending.set(
      element,
      setTimeout(() => say(element, state), delay),
    );
}
