// @ts-check
/** Puts a notification at the top of the page's live lists. */

import { showTime } from "./times.js";

/**
 * @param {HTMLTemplateElement} template
 * @param {import("./stream.js").Notification} notification
 */
function build(template, notification) {
  const fragment = document.importNode(template.content, true);
  const line = /** @type {HTMLElement} */ (fragment.querySelector("li"));
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (line.querySelector(`[data-part=${name}]`));
  line.dataset.position = String(notification.id);
  line.dataset.kind = notification.kind;
  line.classList.toggle("unread", notification.unread);
  for (const title of line.querySelectorAll("[data-part=title]")) title.textContent = notification.title;
  part("body").textContent = notification.body;

  // An unread line is opened by a form that marks it read on the way, a read one by a plain link.
  const form = /** @type {HTMLFormElement} */ (part("open-unread"));
  const link = /** @type {HTMLAnchorElement} */ (part("open-read"));
  form.action = form.getAttribute("action")?.replace("/0/", `/${notification.id}/`) ?? "";
  if (notification.url && /^https?:$/.test(new URL(notification.url, location.href).protocol)) link.href = notification.url;
  (notification.unread ? link : form).remove();
  if (!notification.unread) part("unread").remove();

  const icon = part("icon");
  icon.setAttribute("href", icon.getAttribute("href") + notification.kind);
  const time = /** @type {HTMLTimeElement} */ (part("time"));
  time.dateTime = notification.created_at;
  showTime(time);
  return line;
}

/**
 * Everything a longer list pushes down: its own lines, and what follows it or one of its ancestors.
 * @param {HTMLElement} list
 */
function below(list) {
  const found = [...list.children];
  for (let node = /** @type {Element | null} */ (list); node && node.id !== "main"; node = node.parentElement) {
    for (let next = node.nextElementSibling; next; next = next.nextElementSibling) found.push(next);
  }
  return found;
}

/**
 * What has to make room glides there. Moved by a transform, it starts where it is: nothing jumps.
 * @param {HTMLElement} list
 * @param {HTMLElement} line
 */
function insert(list, line) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const tops = new Map(below(list).map((element) => [element, element.getBoundingClientRect().top]));
  list.prepend(line);
  const limit = Number(list.dataset.limit) || Infinity;
  while (list.children.length > limit) list.lastElementChild?.remove();
  if (calm || document.hidden) return;
  const timing = { duration: 280, easing: "cubic-bezier(0.2, 0, 0, 1)" };
  for (const [element, top] of tops) {
    const shift = top - element.getBoundingClientRect().top;
    if (shift) element.animate([{ transform: `translateY(${shift}px)` }, { transform: "none" }], timing);
  }
  line.animate([{ opacity: 0 }, { opacity: 1 }], timing);
}

/** @param {import("./stream.js").Notification} notification */
export function addLine(notification) {
  const template = document.querySelector("template[data-line]");
  if (!(template instanceof HTMLTemplateElement) || !notification.title) return;
  for (const list of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-live]"))) {
    if (list.querySelector(`[data-position="${notification.id}"]`)) continue;
    insert(list, build(template, notification));
  }
}
