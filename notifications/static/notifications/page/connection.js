/** By what is said: a blink is no news, and a server in trouble takes connections only to end them. */
const LASTING = { live: 2500, reconnecting: 250 };
/** Nor is it news that a page connects, if it does at once. */
const PROMPT = 500;

let coming;
let timer;

/** @param {HTMLElement | null} element @param {State} state */
export function showConnection(element, state) {
  if (!element || state === coming) return;
  const said = element.hidden ? "" : element.dataset.connection;
  const wait = LASTING[said ?? ""] ?? (state === "connecting" ? PROMPT : 0);
  clearTimeout(timer);
  coming = state === said ? undefined : state;
  if (!coming) return;
  timer = setTimeout(() => {
    coming = undefined;
    element.hidden = false;
    element.dataset.connection = state;
    element.textContent = element.getAttribute(`data-label-${state}`);
  }, state === "ended" ? 0 : wait);
}
