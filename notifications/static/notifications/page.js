// @ts-check
/**
 * What every page runs; whoever is logged in also gets the stream. Each notification is also a "notification" event of the document
 * (detail: Notification), so that other modules react to it without knowing where it came from.
 */

import { showConnection } from "./connection.js";
import { followPage } from "./lifecycle.js";
import { addLine } from "./lines.js";
import { refresh } from "./regions.js";
import { Stream } from "./stream.js";
import { keepTimesRight } from "./times.js";
import { addUnread, extendMarkAll, showUnread } from "./unread.js";

const POLL_INTERVAL = 15_000;
/** A reset right after a reload would be a reload for ever. */
const RESET_INTERVAL = 10_000;
const EVERYTHING = "[data-region], [data-refresh-on], [data-unread]";

const { streamUrl = "", cursor = "", kinds = "" } = document.body.dataset;
const connection = document.getElementById("connection");

/** @param {import("./stream.js").Notification} notification */
function receive(notification) {
  addLine(notification);
  extendMarkAll(notification.id);
  if (notification.unread) addUnread();
  // A live list speaks for itself.
  const announcer = document.querySelector("[data-live]") ? null : document.querySelector("[data-announce]");
  if (announcer) announcer.textContent = notification.title;
  const selector = `[data-refresh-on~="${CSS.escape(notification.kind)}"]`;
  if (document.querySelector(selector)) void refresh(selector);
  document.dispatchEvent(new CustomEvent("notification", { detail: notification }));
}

async function refreshAll() {
  const page = await refresh(EVERYTHING);
  showUnread();
  return page;
}

function follow() {
  const stream = new Stream({ url: streamUrl, kinds: kinds.split(" "), cursor: Number(cursor) });
  stream.addEventListener("notification", (event) => receive(/** @type {CustomEvent} */ (event).detail));
  stream.addEventListener("state", (event) => showConnection(connection, /** @type {CustomEvent} */ (event).detail));
  stream.addEventListener("reset", (event) => {
    const last = Number(sessionStorage.getItem("reset"));
    if (Date.now() - last < RESET_INTERVAL) {
      stream.skipTo(/** @type {CustomEvent} */ (event).detail);
      return;
    }
    sessionStorage.setItem("reset", String(Date.now()));
    location.reload();
  });
  followPage(stream, async () => {
    const page = await refreshAll();
    if (page) stream.skipTo(Number(page.body.dataset.cursor));
  });
  showConnection(connection, "connecting");
  stream.open();
}

// On a phone the navigation scrolls sideways; the entry of this page may start out of sight.
document.querySelector(".navigation [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
keepTimesRight();
if (streamUrl && "EventSource" in window) {
  follow();
} else if (streamUrl) {
  showConnection(connection, "polling");
  setInterval(refreshAll, POLL_INTERVAL);
}
