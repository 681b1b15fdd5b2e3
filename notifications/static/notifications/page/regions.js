/** Fetches the page again and puts the regions asked for (elements with an id) in place of the old ones. */

import { all, one, tell } from "./dom.js";
import { glide } from "./motion.js";

const asked = new Set();
let running = false;

function swap(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement?.id : "";
  const known = new Set(all("[data-key]", old).map((row) => row.dataset.key));
  for (const row of all("[data-key]", fresh)) row.classList.toggle("arrived", !known.has(row.dataset.key));
  // What somebody has opened stays open.
  for (const row of all("[data-key]:has(> details[open])", old)) {
    const again = one(`[data-key="${CSS.escape(row.dataset.key)}"] > details`, fresh);
    if (again) again.open = true;
  }
  glide(old, () => old.replaceWith(document.adoptNode(fresh)));
  if (focused) document.getElementById(focused)?.focus();
}

async function refreshOnce(selector) {
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
  if (response.status >= 500) throw new Error("later");
  // The log-in page, after a log-out.
  if (!response.ok || response.redirected) return null;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const old of all(selector)) {
    const fresh = page.getElementById(old.id);
    if (fresh) swap(old, fresh);
  }
  tell("refreshed");
  return page;
}

/** @param {string} selector @returns {Promise<Document | null>} the page; null if another call fetches it */
export async function refresh(selector) {
  asked.add(selector);
  if (running) return null;
  running = true;
  let page = null;
  for (let delay = 2000; asked.size; delay = Math.min(2 * delay, 30_000)) {
    const selectors = [...asked];
    asked.clear();
    try {
      page = await refreshOnce(selectors.join());
    } catch {
      // What was asked for is still wanted.
      for (const each of selectors) asked.add(each);
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
  running = false;
  return page;
}
