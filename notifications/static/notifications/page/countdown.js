/** Counts down to a moment by the server's clock: the reader's may be wrong. */

import { one } from "./dom.js";

export function countDown(element) {
  const moment = (name) => Date.parse(element.dataset[name] ?? "");
  const until = moment("until");
  const ahead = Date.now() - moment("now");
  const bar = one("progress", element);
  if (Number.isNaN(until)) return;
  bar.max = until - moment("from");

  const timer = setInterval(show, 250);
  function show() {
    const left = Math.max(0, until - (Date.now() - ahead));
    const seconds = Math.ceil(left / 1000);
    one("[data-part=clock]", element).textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    bar.value = left;
    element.toggleAttribute("data-over", left === 0);
    if (left === 0) clearInterval(timer);
  }
  show();
  element.hidden = false;
}
