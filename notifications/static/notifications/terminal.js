// @ts-check
/** Waits for the outcome on a stream that ends, a payment's, and goes to the page that tells it. */

import { showConnection } from "./connection.js";
import { countDown } from "./countdown.js";
import { followPage } from "./lifecycle.js";
import { Stream } from "./stream.js";

const root = /** @type {HTMLElement | null} */ (document.querySelector("[data-payment-stream]"));

/**
 * @param {HTMLElement} element
 * @param {{url: string, outcomeUrl: string}} options
 */
function wait(element, { url, outcomeUrl }) {
  const connection = /** @type {HTMLElement | null} */ (element.querySelector("[data-connection]"));
  const message = /** @type {HTMLElement} */ (element.querySelector("[data-message]"));
  let left = false;
  const leave = (/** @type {string} */ target) => {
    if (left) return;
    left = true;
    const there = new URL(target || outcomeUrl, location.href);
    // Replaced, not pushed: "back" must not return to a payment that is over.
    location.replace(there.origin === location.origin ? there.href : outcomeUrl);
  };

  if (!("EventSource" in window)) {
    showConnection(connection, "polling");
    setTimeout(() => location.reload(), Number(element.dataset.refreshSeconds || 5) * 1000);
    return;
  }

  const stream = new Stream({ url, kinds: (element.dataset.kinds ?? "").split(" ") });
  stream.addEventListener("notification", (event) => {
    const { kind, title } = /** @type {CustomEvent} */ (event).detail;
    element.dataset.outcome = kind;
    message.textContent = title;
  });
  stream.addEventListener("finish", (event) => leave(/** @type {CustomEvent} */ (event).detail.url));
  stream.addEventListener("state", (event) => {
    const state = /** @type {CustomEvent} */ (event).detail;
    showConnection(connection, state);
    if (state === "ended") leave(outcomeUrl);
  });
  followPage(stream);
  showConnection(connection, "connecting");
  stream.open();
}

if (root) {
  const countdown = /** @type {HTMLElement | null} */ (root.querySelector("[data-countdown]"));
  if (countdown) countDown(countdown);
  wait(root, { url: root.dataset.paymentStream ?? "", outcomeUrl: root.dataset.outcomeUrl ?? "/" });
}
