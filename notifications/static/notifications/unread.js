// @ts-check
/** Keeps the unread badge, the tab's title and whatever is shown only with unread notifications in step. */

const CAP = 99;

function badge() {
  return /** @type {HTMLElement | null} */ (document.querySelector("[data-unread]"));
}

export function addUnread() {
  const element = badge();
  if (element) element.dataset.unread = String(Number(element.dataset.unread) + 1);
  showUnread();
}

/**
 * "Mark all as read" means what the page shows, so it reaches as far as the last line that arrived.
 * @param {number} position
 */
export function extendMarkAll(position) {
  const through = document.querySelector("[data-when-unread] [name=through]");
  if (through instanceof HTMLInputElement && position) through.value = String(position);
}

/** Shows what the badge's data-unread says. */
export function showUnread() {
  const element = badge();
  if (!element) return;
  const count = Number(element.dataset.unread);
  const label = count > CAP ? `${CAP}+` : String(count);
  element.textContent = label;
  element.hidden = count === 0;
  document.title = (count ? `(${label}) ` : "") + document.title.replace(/^\(\d+\+?\) /, "");
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-when-unread]"))) {
    part.hidden = count === 0;
  }
}
