/** One event stream that heals itself; it emits StreamEvents. */

import { Emitter } from "./emitter.js";

/** While the browser reconnects by itself, the server's `retry:` rules. */
const PATIENCE = 120_000;
/** EventSource hides the status that stopped it: after this many refusals it is asked for. */
const ASK_AFTER = 2;
const STEERING = ["ping", "reset", "bye", "finish"];
/** "Do not come back". */
const FINAL = [204, 401, 403, 404];
/** Needs no check. */
const YOUNG = 2000;

function backoff(attempt) {
  const longest = Math.min(30_000, 1000 * 2 ** attempt);
  return 1000 + Math.random() * (longest - 1000);
}

/** @param {MessageEvent<string>} event */
function decode(event) {
  const bare = { kind: event.type, title: "", body: "", url: "", created_at: "", data: {} };
  let fields;
  try {
    fields = JSON.parse(event.data);
  } catch {
    // Plain text is legal too.
    fields = { title: event.data };
  }
  return { ...bare, ...fields, id: cursorOf(event).cursor };
}

function cursorOf({ lastEventId }) {
  const [position, epoch = ""] = lastEventId.split("-").reverse();
  return { epoch, cursor: Number(position || NaN) };
}

export class Stream extends Emitter {
  #source;
  /** @type {State} */
  #state = "connecting";
  #seen;
  #epoch;
  #options;
  #ping;
  #kinds = new Set(["message"]);
  #wanted = false;
  #wasLive = false;
  #heardAt = 0;
  #connectedAt = 0;
  #refusals = 0;
  #etag = "";
  #timer;

  /** @param {Wants} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#ping = options.ping || 15_000;
    this.#set({ epoch: "", cursor: null, ...options });
    this.listen(options.kinds);
  }

  get state() {
    return this.#state;
  }

  get cursor() {
    return { epoch: this.#epoch, cursor: this.#seen };
  }

  open() {
    this.#wanted = true;
    this.#refusals = 0;
    this.#connect();
  }

  close() {
    this.#wanted = false;
    this.#drop();
  }

  /** What lies between is on the page already. */
  skipTo(cursor) {
    this.#seen = Math.max(this.#seen ?? 0, cursor);
  }

  /** Somebody has not seen what came since. */
  rewind(cursor) {
    this.#seen = cursor;
    this.#connect();
  }

  listen(kinds) {
    for (const kind of kinds) {
      if (!kind || STEERING.includes(kind) || this.#kinds.has(kind)) continue;
      this.#kinds.add(kind);
      this.#source?.addEventListener(kind, this.#onNotification);
    }
  }

  /** After a change of the network, sockets are dead however open they look. */
  check(networkChanged = false) {
    if (!this.#wanted) return;
    if (!navigator.onLine) {
      this.#enter("offline");
      return;
    }
    const healthy = this.#source?.readyState === 1 && Date.now() - this.#heardAt < this.#ping * 1.4;
    const young = Date.now() - this.#connectedAt < YOUNG;
    if (healthy && (!networkChanged || young)) this.#enter("live");
    else if (!young) this.#connect();
  }

  #connect() {
    this.#drop();
    this.#connectedAt = Date.now();
    if (!("EventSource" in globalThis)) {
      this.#poll();
      return;
    }
    this.#enterWaiting();
    const source = new EventSource(this.#address());
    this.#source = source;
    this.#watch();
    source.addEventListener("open", () => {
      this.#refusals = 0;
      this.#wasLive = true;
      this.#hear();
    });
    source.addEventListener("error", () => this.#onError(source));
    source.addEventListener("ping", (event) => {
      this.#hear();
      this.#move(event);
    });
    source.addEventListener("reset", (event) => {
      this.#hear();
      this.#reset(cursorOf(event));
    });
    source.addEventListener("bye", (event) => {
      this.#move(event);
      const retry = Number(JSON.parse(event.data).retry) || 1000;
      this.#reconnectIn(retry * (1 + Math.random() / 2));
    });
    source.addEventListener("finish", (event) => {
      this.emit("finish", decode(event));
      this.#end();
    });
    for (const kind of this.#kinds) source.addEventListener(kind, this.#onNotification);
  }

  /** A new EventSource has no Last-Event-ID header. */
  #address(url = this.#options.url, name = "lastEventId") {
    const address = new URL(url, location.href);
    if (this.#seen !== null) address.searchParams.set(name, (this.#epoch && `${this.#epoch}-`) + this.#seen);
    if (this.#options.user) address.searchParams.set("user", this.#options.user);
    return address.href;
  }

  #onNotification = (event) => {
    if (Date.now() - this.#heardAt > this.#silence) {
      // Thawed, with a queue of what others have shown.
      this.#connect();
      return;
    }
    this.#hear();
    this.#epoch = cursorOf(event).epoch;
    this.#deliver(decode(event));
  };

  #deliver(notification) {
    if (Number.isSafeInteger(notification.id)) {
      if (this.#seen !== null && notification.id <= this.#seen) return;
      this.#seen = notification.id;
    }
    this.emit("notification", notification);
  }

  #move(event) {
    const at = cursorOf(event);
    if (!(at.cursor > (this.#seen ?? -1))) return;
    this.#set(at);
    this.emit("moved", at.cursor);
  }

  #reset(at) {
    this.#set(at);
    this.emit("reset", this.cursor);
  }

  #set({ epoch, cursor }) {
    this.#epoch = epoch;
    this.#seen = cursor;
  }

  #onError(source) {
    if (source !== this.#source) return;
    if (source.readyState === EventSource.CONNECTING) {
      this.#enterWaiting();
      this.#watch(PATIENCE);
      return;
    }
    this.#refusals += 1;
    this.#reconnectIn(backoff(this.#refusals));
  }

  #reconnectIn(delay) {
    this.#drop();
    this.#enterWaiting();
    this.#timer = setTimeout(() => {
      if (this.#refusals < ASK_AFTER) this.#connect();
      else this.#probe();
    }, delay);
  }

  #fetch(address, headers) {
    return fetch(address, { headers, cache: "no-store", signal: AbortSignal.timeout(10_000) }).catch(() => null);
  }

  async #probe() {
    const response = await this.#fetch(this.#address(), { Accept: "text/event-stream" });
    response?.body?.cancel();
    if (!this.#wanted || this.#source) return;
    if (response && FINAL.includes(response.status)) this.#end();
    else if (response?.status === 200) this.#connect();
    else this.#reconnectIn(backoff((this.#refusals += 1)));
  }

  async #poll() {
    const response = await this.#fetch(this.#address(`${this.#options.api}events`, "after"), { "If-None-Match": this.#etag });
    if (!this.#wanted) return;
    if (response && FINAL.includes(response.status)) {
      this.#end();
      return;
    }
    const page = response?.ok ? await response.json().catch(() => null) : null;
    if (page) {
      this.#etag = response?.headers.get("ETag") ?? "";
      if (page.reset) this.#reset(page);
      this.#epoch = page.epoch;
      for (const item of page.items) this.#deliver(item);
      this.skipTo(page.cursor);
    }
    this.#wasLive ||= Boolean(page);
    if (page || response?.status === 304) this.#enter("polling");
    else this.#enterWaiting();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), page?.items.length ? 100 : this.#ping);
  }

  #hear() {
    this.#heardAt = Date.now();
    this.#watch();
    this.#enter("live");
  }

  /** Phones drop sockets without an event. */
  get #silence() {
    return 2.5 * this.#ping;
  }

  #watch(silence = this.#silence) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), silence);
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
  }

  #end() {
    this.close();
    this.#enter("ended");
  }

  #enterWaiting() {
    if (!navigator.onLine) this.#enter("offline");
    else this.#enter(this.#wasLive ? "reconnecting" : "connecting");
  }

  #enter(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.emit("state", state);
  }
}
