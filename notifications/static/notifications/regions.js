// @ts-check
/** Fetches the page again and puts the regions asked for (elements with an id) in place of the old ones. */

/** @type {Set<string>} */
const asked = new Set();
let running = false;

/**
 * @param {Element} old
 * @param {Element} fresh
 */
function swap(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement?.id : "";
  const known = new Set([...old.querySelectorAll("[data-key]")].map((row) => row.getAttribute("data-key")));
  for (const row of fresh.querySelectorAll("[data-key]")) {
    row.classList.toggle("arrived", !known.has(row.getAttribute("data-key")));
  }
  old.replaceWith(document.adoptNode(fresh));
  if (focused) document.getElementById(focused)?.focus();
}

/** @param {string} selector */
async function refreshOnce(selector) {
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
  // Logged out meanwhile: the log-in page has nothing for this one.
  if (!response.ok || response.redirected) return null;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const old of document.querySelectorAll(selector)) {
    const fresh = page.getElementById(old.id);
    if (fresh) swap(old, fresh);
  }
  document.dispatchEvent(new CustomEvent("refreshed"));
  return page;
}

/**
 * Calls that come while one is under way are answered by one more fetch after it.
 * @param {string} selector
 * @returns {Promise<Document | null>} the page as fetched, null if there was none or another call fetches it
 */
export async function refresh(selector) {
  asked.add(selector);
  if (running) return null;
  running = true;
  /** @type {Document | null} */
  let page = null;
  try {
    while (asked.size) {
      const selectors = [...asked].join();
      asked.clear();
      page = await refreshOnce(selectors);
    }
  } catch {
    // The network failed; the next event or poll asks again.
  } finally {
    running = false;
  }
  return page;
}
