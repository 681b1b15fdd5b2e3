import { all, one, tell } from "./dom.js";

/** Positions after `since`, at which the server counted. */
const added = new Set();
let counted = 0;
let since = Number(document.body.dataset.cursor) || 0;
let plainIcon = "";

/** @param {DOMStringMap} said by the server */
export function readUnread(cursor = since, said = document.body.dataset) {
  setUnread(Number(said.count), cursor);
}

/** @param {number} count @param {number} cursor up to which it counts */
export function setUnread(count, cursor) {
  if (cursor < since) return;
  counted = count;
  since = cursor;
  for (const position of added) if (position <= cursor) added.delete(position);
  show();
}

export function countAnew() {
  since = 0;
  added.clear();
}

export function addUnread(position) {
  if (position > since) added.add(position);
  show();
}

export function extendMarkAll(position) {
  for (const through of all("[data-when-unread] [name=through]")) through.value = position;
}

async function showIcon(label) {
  const icon = one("link[rel=icon]");
  icon.dataset.plain ||= icon.href;
  icon.dataset.label = label;
  if (label) plainIcon ||= await (await fetch(icon.dataset.plain)).text();
  if (icon.dataset.label !== label) return;
  const width = 8 + 7 * label.length;
  const mark = `<rect x="${32 - width}" y="15" width="${width}" height="17" rx="8.5" fill="#b3261e"/><text x="${32 - width / 2}"
    y="28.5" text-anchor="middle" font-family="sans-serif" font-size="13" font-weight="700" fill="#fff">${label}</text></svg>`;
  icon.href = label ? `data:image/svg+xml,${encodeURIComponent(plainIcon.replace("</svg>", mark))}` : icon.dataset.plain;
}

function show() {
  const count = counted + added.size;
  const label = count > 99 ? "99+" : String(count);
  if (count >= 0) tell("notifications:unread", { count, label });
  const badge = one("#unread");
  if (!badge) return;
  if (badge.textContent !== label) badge.textContent = label;
  document.title = (count ? `(${label}) ` : "") + document.title.replace(/^\(\d+\+?\) /, "");
  showIcon(count ? label : "").catch(() => {});
  for (const part of [badge, ...all("[data-when-unread]")]) part.hidden = count === 0;
}
