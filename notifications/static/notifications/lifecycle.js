// @ts-check
/** Ties a stream to the life of the page that shows it. */

/**
 * @param {import("./stream.js").Stream} stream
 * @param {() => Promise<void> | void} restored called before the stream of a page from the back/forward cache is reopened
 */
export function followPage(stream, restored = () => {}) {
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", async (event) => {
    if (!event.persisted) {
      stream.check();
      return;
    }
    await restored();
    stream.open();
  });
  addEventListener("online", () => stream.check(true));
  addEventListener("offline", () => stream.check());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) stream.check();
  });
}
