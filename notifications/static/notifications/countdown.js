// @ts-check
/** Counts down to a moment by the server's clock: the reader's may be wrong. */

/** @param {HTMLElement} element */
export function countDown(element) {
  const moment = (/** @type {string} */ name) => Date.parse(element.dataset[name] ?? "");
  const until = moment("until");
  const whole = until - moment("from");
  const ahead = Date.now() - moment("now");
  const clock = /** @type {HTMLElement} */ (element.querySelector("[data-part=clock]"));
  const bar = /** @type {HTMLProgressElement} */ (element.querySelector("progress"));
  if (Number.isNaN(until)) return;

  const timer = setInterval(show, 250);
  function show() {
    const left = Math.max(0, until - (Date.now() - ahead));
    const seconds = Math.ceil(left / 1000);
    clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    bar.max = whole;
    bar.value = left;
    element.toggleAttribute("data-over", left === 0);
    if (left === 0) clearInterval(timer);
  }
  show();
  element.hidden = false;
}
