/** restored: called before a page from the back/forward cache goes on. */
export function followPage(stream, restored = async () => {}) {
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", async (event) => {
    if (!event.persisted) {
      stream.check();
      return;
    }
    await restored();
    stream.open();
  });
  // A frozen tab must not keep a stream that others share.
  document.addEventListener("freeze", () => stream.close());
  document.addEventListener("resume", () => stream.open());
  addEventListener("online", () => stream.check(true));
  addEventListener("offline", () => stream.check());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) stream.check();
  });
}
