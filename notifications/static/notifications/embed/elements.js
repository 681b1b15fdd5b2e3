/**
 * <notifications-bell> and <notifications-inbox>: the server has rendered them, the events of the document (types.d.ts) keep them up
 * to date. The events are those of the page's client; without one, the first element starts it.
 *
 * No imports: this file is served as it is, by any storage, bundled or not.
 */

/** Milliseconds of a break that are not worth a word, and between two looks at the clock. */
const BREAK = 2500;
const TICK = 20_000;
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];
/** Then a date says more. */
const LONGEST = 7 * 86_400;

/** Whether the client runs: what an element's server has not seen may then have been told already. */
let running = Boolean(document.body.dataset.streamUrl);
/** @type {LiveNotifications.Unread | undefined} */
let lastUnread;
document.addEventListener("notifications:unread", ({ detail }) => (lastUnread = detail));

/** @param {string} url @returns {string} the address of a path of this site; empty for anything else */
function local(url) {
  return url.startsWith("/") && new URL(url, location.href).origin === location.origin ? url : "";
}

class LiveElement extends HTMLElement {
  #listening = new AbortController();
  // Libraries that swap or morph pages bring the template again: it is attached by the parser of whole pages alone.
  #observer = new MutationObserver(() => this.#attach());

  connectedCallback() {
    this.#attach();
    this.#observer.observe(this, { childList: true });
    this.#listening = new AbortController();
    this.listen("notifications:unread", (unread) => this.showUnread(unread));
    this.connected();
    if (running) this.catchUp();
    else void this.#start();
  }

  disconnectedCallback() {
    this.#observer.disconnect();
    this.#listening.abort();
  }

  /** @template {keyof DocumentEventMap} T @param {T} type @param {(detail: any) => void} act */
  listen(type, act) {
    const { signal } = this.#listening;
    document.addEventListener(type, (event) => act(/** @type {CustomEvent} */ (event).detail), { signal });
  }

  /** @param {string} selector @returns {any} */
  find(selector) {
    return this.shadowRoot?.querySelector(selector);
  }

  /** @param {string} selector @param {ParentNode | null} root @returns {any[]} */
  findAll(selector, root = this.shadowRoot) {
    return [...(root?.querySelectorAll(selector) ?? [])];
  }

  /** @param {string} path @returns {Promise<any>} the body of the API's answer, in the language of the element; null: none */
  async ask(path) {
    const { api, user = "" } = this.dataset;
    const said = new URLSearchParams({ user, language: this.lang });
    const response = await fetch(`${api}${path}${path.includes("?") ? "&" : "?"}${said}`, { cache: "no-store" }).catch(() => null);
    return response?.ok ? response.json().catch(() => null) : null;
  }

  /** @param {LiveNotifications.Unread} unread */
  showUnread({ count, label }) {
    const number = this.find("[data-part=count]");
    if (number) number.textContent = label;
    for (const each of this.findAll("[data-when-unread]")) each.hidden = count === 0;
  }

  connected() {}

  catchUp() {
    if (lastUnread) this.showUnread(lastUnread);
  }

  /** The module of the client runs once, whichever element or live.html asks for it. */
  async #start() {
    await import(this.dataset.client ?? "");
    running = true;
  }

  #attach() {
    /** @type {HTMLTemplateElement | null} */
    const template = this.querySelector(":scope > template[shadowrootmode]");
    if (!template) return;
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.replaceChildren(template.content);
    template.remove();
    this.attached();
  }

  attached() {}
}

class NotificationsBell extends LiveElement {
  catchUp() {
    super.catchUp();
    if (!lastUnread) void this.#count();
  }

  async #count() {
    const answer = await this.ask("unread");
    if (answer && !lastUnread) this.showUnread({ count: answer.unread, label: answer.label });
  }
}

class NotificationsInbox extends LiveElement {
  #changes = 0;
  #stale = false;
  #clock;
  #word;
  #root;

  connected() {
    this.listen("notifications:notification", (notification) => this.#add(notification));
    // Every event of the stream, changes of the inbox too: what was made unread a moment ago is marked with all others.
    this.listen("notification", ({ id }) => this.#extendMarkAll(id));
    this.listen("notifications:inbox", (change) => this.#change(change));
    this.listen("notifications:reset", () => this.catchUp());
    this.listen("notifications:connection", ({ state }) => this.#showConnection(state));
    this.attached();
    this.#clock = setInterval(() => this.#showTimes(), TICK);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.#clock);
    clearTimeout(this.#word);
  }

  attached() {
    if (this.shadowRoot && this.#root !== this.shadowRoot) {
      this.#root = this.shadowRoot;
      // Of the root: what is in it may be replaced.
      this.#root.addEventListener("submit", (event) => void this.#submit(event));
    }
    this.#showTimes();
  }

  get #list() {
    return this.find("[data-part=list]");
  }

  get #limit() {
    return Number(this.dataset.limit);
  }

  /** Replaces the list by the server's, but for what has happened since. */
  async catchUp() {
    super.catchUp();
    const changes = this.#changes;
    const page = await this.ask(`inbox?limit=${this.#limit}`);
    this.#stale = !page;
    if (!page || !this.isConnected) return;
    if (changes !== this.#changes) {
      void this.catchUp();
      return;
    }
    const lines = new Map(this.findAll(".line").map((line) => [Number(line.dataset.position), line]));
    const newer = [...lines].filter(([position]) => position > page.cursor).map(([, line]) => line);
    const listed = page.items.map((item) => {
      const line = lines.get(item.id) ?? this.#line(item);
      line.classList.toggle("unread", item.unread);
      return line;
    });
    // Lines that stay are not moved, so that the focus stays in them.
    const wanted = [...newer, ...listed].slice(0, this.#limit);
    for (const [, line] of lines) if (!wanted.includes(line)) line.remove();
    wanted.forEach((line, at) => this.#list.children[at] !== line && this.#list.insertBefore(line, this.#list.children[at] ?? null));
    this.#extendMarkAll(page.cursor);
    if (!lastUnread) this.showUnread({ count: page.unread, label: "" });
  }

  #line({ id, title, body, url, created_at: at }) {
    const line = this.find("template[data-line]").content.firstElementChild.cloneNode(true);
    const set = (part, act) => this.findAll(`[data-part=${part}]`, line).forEach(act);
    line.dataset.position = id;
    set("title", (element) => (element.textContent = title));
    set("body", (element) => (element.textContent = body));
    set("position", (element) => (element.value = id));
    set("open", (form) => form.setAttribute("action", form.getAttribute("action").replace("/0/", `/${id}/`)));
    set("link", (link) => local(url) && (link.href = local(url)));
    set("time", (time) => (time.dateTime = at));
    this.#showTimes(line);
    return line;
  }

  /** @param {LiveNotifications.Notification} notification */
  #add(notification) {
    if (!notification.listed || !notification.title || this.find(`[data-position="${notification.id}"]`)) return;
    const line = this.#line(notification);
    line.classList.add("unread", "arrived");
    this.#list.prepend(line);
    while (this.#list.children.length > this.#limit) this.#list.lastElementChild.remove();
    // Toasts are read out already.
    if (!document.querySelector("[data-toasts]")) this.find("[data-part=news]").textContent = notification.title;
  }

  /** @param {Partial<LiveNotifications.InboxChange>} change */
  #change({ through, read = [], unread = [], dismissed = [] }) {
    this.#changes += 1;
    let gone = false;
    for (const line of this.findAll(".line")) {
      const position = Number(line.dataset.position);
      const was = line.classList.contains("unread");
      const now = (was || unread.includes(position)) && position > (through ?? 0) && !read.includes(position);
      line.classList.toggle("unread", now);
      if (!dismissed.includes(position)) continue;
      gone = true;
      const next = line.nextElementSibling ?? line.previousElementSibling;
      if (line.matches(":focus-within")) next?.querySelector(".icon-button:last-of-type").focus();
      line.remove();
    }
    // Older ones move up.
    if (gone) void this.catchUp();
  }

  #extendMarkAll(position) {
    const through = this.find("[name=through]");
    if (position > through.value) through.value = position;
  }

  /** The buttons, without leaving the page. Opening a notification leaves it. */
  async #submit(event) {
    const { target: form, submitter: button } = event;
    if (!button || form.matches("[data-part=open]")) return;
    event.preventDefault();
    const body = new FormData(form, button);
    const focused = form.matches(":focus-within");
    const response = await fetch(form.getAttribute("action"), { method: "POST", body, redirect: "manual" }).catch(() => null);
    if (!response) return;
    if (!response.ok && response.type !== "opaqueredirect") {
      location.reload();
      return;
    }
    if (body.has("through")) this.#change({ through: Number(body.get("through")) });
    else this.#change({ [button.value === "dismiss" ? "dismissed" : button.value]: [Number(body.get("position"))] });
    // The button gives its place to its opposite.
    const shown = this.findAll("button", form).find((each) => each.checkVisibility());
    if (focused && form.isConnected) shown?.focus();
  }

  /** @param {LiveNotifications.State} state */
  #showConnection(state) {
    const element = this.find(".connection");
    clearTimeout(this.#word);
    if (state === "live") {
      element.hidden = true;
      if (this.#stale) void this.catchUp();
      return;
    }
    this.#word = setTimeout(() => {
      element.textContent = element.getAttribute(`data-label-${state}`);
      element.hidden = false;
    }, BREAK);
  }

  #showTimes(root = this.shadowRoot) {
    const language = Intl.DateTimeFormat.supportedLocalesOf(this.lang || "en")[0];
    const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
    for (const time of this.findAll("time", root)) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      const seconds = Math.max(0, (Date.now() - date.getTime()) / 1000);
      const [unit, length] = UNITS.find((each) => seconds >= each[1]) ?? ["second", 0];
      const day = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
      time.textContent = seconds > LONGEST ? day.format(date) : relative.format(length ? -Math.floor(seconds / length) : 0, unit);
      time.title = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(date);
    }
  }
}

customElements.define("notifications-bell", NotificationsBell);
customElements.define("notifications-inbox", NotificationsInbox);
