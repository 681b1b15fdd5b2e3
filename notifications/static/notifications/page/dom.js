/** The page's elements, and its templates filled in. */

import { showTime } from "./times.js";

/** @param {string} selector @param {ParentNode} root @returns {any} */
export const one = (selector, root = document) => root.querySelector(selector);

/** @param {string} selector @param {ParentNode} root @returns {any[]} */
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** @param {keyof DocumentEventMap} type @param {any} [detail] */
export const tell = (type, detail) => document.dispatchEvent(new CustomEvent(type, { detail }));

/** The address of a path of this site; empty for anything else, which the server does not send. */
export function local(url) {
  const target = new URL(url || "#", location.href);
  return url?.startsWith("/") && target.origin === location.origin ? target.href : "";
}

/** @param {string} template selector @param {Told} notification */
export function fill(template, { id, kind, title, body, url, created_at: createdAt }) {
  const copy = one(template)?.content.firstElementChild.cloneNode(true);
  if (!copy) return null;
  const set = (part, act) => all(`[data-part=${part}]`, copy).forEach(act);
  copy.dataset.kind = kind;
  copy.dataset.position = id;
  set("title", (element) => (element.textContent = title));
  set("body", (element) => (element.textContent = body));
  set("position", (element) => (element.value = id));
  set("icon", (element) => element.setAttribute("href", element.getAttribute("href") + kind));
  set("open-unread", (element) => (element.action = element.getAttribute("action").replace("/0/", `/${id}/`)));
  set("open-read", (element) => local(url) && (element.href = local(url)));
  set("time", (element) => {
    element.dateTime = createdAt;
    showTime(element);
  });
  return copy;
}
