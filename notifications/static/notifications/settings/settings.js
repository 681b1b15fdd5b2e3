/** The settings page: this browser's permission for desktop notifications, and its time zone. */

/** The browser's question comes after a click alone. */
function offerDesktop() {
  const place = /** @type {HTMLElement | null} */ (document.querySelector("[data-desktop-permission]"));
  if (!place || !("Notification" in window)) return;
  const { permission } = Notification;
  const asking = permission === "default";
  const element = document.createElement(asking ? "button" : "p");
  element.textContent = place.getAttribute(`data-label-${asking ? "ask" : permission}`);
  if (asking) {
    element.className = "secondary";
    element.onclick = async () => {
      await Notification.requestPermission();
      offerDesktop();
    };
  }
  place.replaceChildren(element);
  place.hidden = false;
}

const zone = /** @type {HTMLSelectElement | null} */ (document.querySelector("[data-detect-zone]"));
if (zone) {
  zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone.selectedIndex < 0) zone.value = "";
}
offerDesktop();
