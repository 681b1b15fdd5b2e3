/** Waits for the outcome on a stream that ends, a payment's, and goes to the page that tells it. */

import { showConnection } from "./page/connection.js";
import { countDown } from "./page/countdown.js";
import { local, one } from "./page/dom.js";
import { followPage } from "./stream/lifecycle.js";
import { Stream } from "./stream/stream.js";

/** @param {HTMLElement} root */
function wait(root) {
  const { paymentStream: url = "", outcomeUrl = "/", refreshSeconds, kinds = "" } = root.dataset;
  const connection = one("[data-connection]", root);
  let left = false;
  const leave = (target) => {
    // Replaced, not pushed: "back" must not return to a payment that is over.
    if (!left) location.replace(local(target) || outcomeUrl);
    left = true;
  };

  if (!("EventSource" in window)) {
    showConnection(connection, "polling");
    setTimeout(() => location.reload(), Number(refreshSeconds || 5) * 1000);
    return;
  }

  const stream = new Stream({ url, kinds: kinds.split(" ") });
  stream.on("notification", ({ kind, title }) => {
    root.dataset.outcome = kind;
    one("[data-message]", root).textContent = title;
  });
  stream.on("finish", (event) => leave(event.url));
  stream.on("state", (state) => {
    showConnection(connection, state);
    if (state === "ended") leave(outcomeUrl);
  });
  followPage(stream);
  showConnection(connection, "connecting");
  stream.open();
}

const root = one("[data-payment-stream]");
if (root) {
  const countdown = one("[data-countdown]", root);
  if (countdown) countDown(countdown);
  wait(root);
}
