import { fill, local, one } from "./dom.js";
import { isQuiet, wanted } from "./preferences.js";

const SHOWN_FOR = 8000;
const MOST = 4;
const CLAIMED_FOR = 60_000;

/** Desktop notifications by position; null: retracted. */
const shown = new Map();

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** True in the first tab that asks. Pages that are not secure have no locks: all show it. */
function claim(id) {
  if (!navigator.locks) return !document.hidden;
  return new Promise((resolve) => {
    void navigator.locks.request(`shown:${document.body.dataset.user}:${id}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && pause(CLAIMED_FOR);
    });
  });
}

/** Works while the page is left. */
function markRead(id) {
  const headers = { "X-CSRFToken": one("[name=csrfmiddlewaretoken]").value, "Content-Type": "application/json" };
  const body = JSON.stringify({ positions: [id] });
  fetch(`${document.body.dataset.api}read`, { method: "POST", keepalive: true, headers, body }).catch(() => {});
}

/** @param {Told} notification */
function toast(notification) {
  const stack = one("[data-toasts]");
  const box = fill("template[data-toast]", notification);
  if (!box) return;
  const link = one("a", box);
  link.href = local(notification.url) || location.href;
  link.onclick = () => markRead(notification.id);

  let timer;
  const remove = () => box.remove();
  const hold = () => clearTimeout(timer);
  const run = () => {
    hold();
    timer = setTimeout(remove, SHOWN_FOR);
  };
  // It stays under pointer and focus.
  box.onpointerenter = hold;
  box.onpointerleave = run;
  box.addEventListener("focusin", hold);
  box.addEventListener("focusout", run);
  one("button", box).onclick = remove;
  box.onkeydown = ({ key }) => key === "Escape" && remove();
  stack.append(box);
  while (stack.children.length > MOST) stack.firstElementChild.remove();
  run();
}

/** @param {Told} notification */
function desktop({ id, title, body, url }) {
  try {
    const note = new Notification(title, { body, tag: `notification-${id}` });
    shown.set(id, note);
    note.onclick = () => {
      window.focus();
      note.close();
      markRead(id);
      location.assign(local(url) || location.href);
    };
  } catch {
    // Some phones have no such constructor.
  }
}

/** @param {Told} notification */
export async function popUp(notification) {
  const ways = wanted(notification.kind);
  const mayShow = "Notification" in window && Notification.permission === "granted" && ways.desktop;
  if (notification.late || !notification.title || isQuiet() || !(ways.toast || mayShow)) return;
  // The visible tab is first.
  await pause(document.hidden ? 400 : document.hasFocus() ? 0 : 80);
  if ((document.hidden && !mayShow) || !(await claim(notification.id + notification.created_at)) || shown.has(notification.id)) return;
  const inPage = ways.toast && !document.hidden;
  if (inPage) toast(notification);
  if (mayShow && !(inPage && document.hasFocus())) desktop(notification);
}

export function takeDown(positions) {
  for (const position of positions) {
    shown.get(position)?.close();
    shown.set(position, null);
  }
}

export const forgetPopups = () => shown.clear();
