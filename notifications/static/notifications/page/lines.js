import { all, fill, one, tell } from "./dom.js";
import { glide } from "./motion.js";
import { refresh } from "./regions.js";

/** @param {Told} notification */
export function addLine(notification) {
  if (!notification.title || one(`li[data-position="${notification.id}"]`)) return;
  for (const list of all("[data-live]")) {
    const line = fill("template[data-line]", notification);
    if (!line) return;
    line.classList.add("unread");
    const limit = Number(list.dataset.limit) || Infinity;
    glide(list, () => {
      list.prepend(line);
      while (list.children.length > limit) list.lastElementChild.remove();
      return line;
    });
  }
}

/** @param {Changed} changed here or on another device */
export function changeLines({ through, read = [], unread = [], dismissed = [] }) {
  let grouped = false;
  for (const line of all("[data-position]")) {
    const position = Number(line.dataset.position);
    const was = line.classList.contains("unread");
    const gone = dismissed.includes(position);
    const now = (was || unread.includes(position)) && position > (through ?? 0) && !read.includes(position);
    if (gone || was !== now) grouped ||= line.closest(".group");
    line.classList.toggle("unread", now);
    if (gone) glide(line.parentElement, () => line.remove());
  }
  // The server renders groups.
  if (grouped) void refresh("[data-region]");
  tell("notifications:inbox", { through, read, unread, dismissed });
}

/** The buttons of lines, without leaving the page. */
export function actOnLines() {
  document.addEventListener("submit", async (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    const button = /** @type {HTMLButtonElement} */ (event.submitter);
    if (!form.matches(".line-actions") || !button) return;
    event.preventDefault();
    const body = new FormData(form, button);
    const focused = form.contains(document.activeElement);
    const line = form.closest("li");
    const neighbour = line?.nextElementSibling ?? line?.previousElementSibling;
    // form.action is the button of that name.
    const address = form.getAttribute("action") ?? "";
    const response = await fetch(address, { method: "POST", body, redirect: "manual" }).catch(() => null);
    if (!response?.ok && response?.type !== "opaqueredirect") {
      location.reload();
      return;
    }
    changeLines({ [button.value === "dismiss" ? "dismissed" : button.value]: body.getAll("position").map(Number) });
    const next = form.isConnected ? form : neighbour;
    if (focused && next) all("button, a[href], summary", next).find((each) => each.checkVisibility())?.focus();
  });
}
