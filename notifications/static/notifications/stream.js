// @ts-check
/**
 * One event stream that heals itself. It touches no DOM, so that a worker can hold it for several tabs.
 *
 * Dispatches "notification" and "finish" (detail: Notification), "reset" (detail: the cursor to go on from) and
 * "state" (detail: State).
 *
 * @typedef {"connecting" | "live" | "reconnecting" | "offline" | "ended"} State
 * @typedef {object} Notification
 * @property {number} id position in the log
 * @property {string} kind
 * @property {string} channel
 * @property {string} title
 * @property {string} body
 * @property {string} url
 * @property {string} created_at
 * @property {Record<string, unknown>} data
 * @property {boolean} unread what comes live is, unless the server says otherwise
 */

/** The server says something at least this often. */
const PING_INTERVAL = 15_000;
/** Phones drop sockets without an event: two missed pings and a half are a dead connection. */
const SILENCE = 2.5 * PING_INTERVAL;
/** While the browser reconnects by itself the server's `retry:` rules, and that may be long to shed load. */
const PATIENCE = 120_000;
/** EventSource hides the status that stopped it; this many refusals in a row are worth asking for it. */
const REFUSALS_BEFORE_PROBE = 2;
/** Event names that steer the stream; all others are notifications. */
const STEERING = ["ping", "reset", "bye", "finish"];
/** Answers by which the server means "do not come back". */
const FINAL_STATUSES = [204, 401, 403];

/** @param {number} attempt 1 for the first */
function backoff(attempt) {
  const longest = Math.min(30_000, 1000 * 2 ** attempt);
  return 1000 + Math.random() * (longest - 1000);
}

/**
 * @param {MessageEvent<string>} event
 * @returns {Notification}
 */
function decode(event) {
  const bare = { kind: event.type, channel: "", title: "", body: "", url: "", created_at: "", data: {}, unread: true };
  /** @type {unknown} */
  let fields = null;
  try {
    fields = JSON.parse(event.data);
  } catch {
    // Plain text is a legal event too.
    fields = { title: event.data };
  }
  return { ...bare, .../** @type {object} */ (fields), id: Number(event.lastEventId || NaN) };
}

export class Stream extends EventTarget {
  /** @type {EventSource | null} */
  #source = null;
  /** @type {State} */
  #state = "connecting";
  /** @type {number | null} */
  #seen;
  #url;
  #kinds;
  #wanted = false;
  #wasLive = false;
  #heardAt = 0;
  #refusals = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {{url: string, kinds: string[], cursor?: number | null}} options without a cursor, from where the server says */
  constructor({ url, kinds, cursor = null }) {
    super();
    this.#url = url;
    this.#kinds = new Set(["message", ...kinds.filter((kind) => kind && !STEERING.includes(kind))]);
    this.#seen = cursor;
  }

  open() {
    this.#wanted = true;
    this.#connect();
  }

  close() {
    this.#wanted = false;
    this.#drop();
  }

  /** Goes on from a later position than the last one seen: what lies between is on the page already. */
  skipTo(/** @type {number} */ cursor) {
    this.#seen = Math.max(this.#seen ?? 0, cursor);
  }

  /**
   * Looks at the connection now instead of at the next time-out: the page is shown again, the network came back.
   * @param {boolean} networkChanged sockets of the old network are dead however open they look
   */
  check(networkChanged = false) {
    if (!this.#wanted) return;
    if (!navigator.onLine) {
      this.#enter("offline");
      return;
    }
    const recent = Date.now() - this.#heardAt < PING_INTERVAL + 5000;
    const healthy = this.#source?.readyState === EventSource.OPEN && recent;
    if (healthy && !networkChanged) this.#enter("live");
    else this.#connect();
  }

  #connect() {
    this.#drop();
    this.#enterWaiting();
    const source = new EventSource(this.#address());
    this.#source = source;
    this.#watch(SILENCE);
    source.addEventListener("open", () => {
      this.#refusals = 0;
      this.#wasLive = true;
      this.#hear();
    });
    source.addEventListener("error", () => this.#onError(source));
    source.addEventListener("ping", () => this.#hear());
    source.addEventListener("reset", (event) => {
      this.#hear();
      this.#emit("reset", Number(JSON.parse(event.data).cursor));
    });
    source.addEventListener("bye", (event) => {
      const retry = Number(JSON.parse(event.data).retry) || 1000;
      this.#reconnectIn(retry * (1 + Math.random() / 2));
    });
    source.addEventListener("finish", (event) => {
      this.close();
      this.#emit("finish", decode(event));
      this.#enter("ended");
    });
    for (const kind of this.#kinds) {
      source.addEventListener(kind, (event) => this.#onNotification(/** @type {MessageEvent<string>} */ (event)));
    }
  }

  /** A new EventSource starts without the old one's Last-Event-ID header, so the position goes into the query. */
  #address() {
    const address = new URL(this.#url, location.href);
    if (this.#seen !== null) address.searchParams.set("lastEventId", String(this.#seen));
    return address.href;
  }

  /** @param {MessageEvent<string>} event */
  #onNotification(event) {
    this.#hear();
    const notification = decode(event);
    if (Number.isSafeInteger(notification.id)) {
      if (this.#seen !== null && notification.id <= this.#seen) return;
      this.#seen = notification.id;
    }
    this.#emit("notification", notification);
  }

  /** @param {EventSource} source */
  #onError(source) {
    if (source.readyState === EventSource.CONNECTING) {
      this.#enterWaiting();
      this.#watch(PATIENCE);
      return;
    }
    this.#refusals += 1;
    this.#reconnectIn(backoff(this.#refusals));
  }

  /** @param {number} delay in ms */
  #reconnectIn(delay) {
    this.#drop();
    this.#enterWaiting();
    this.#timer = setTimeout(() => {
      if (this.#refusals < REFUSALS_BEFORE_PROBE) this.#connect();
      else void this.#probe();
    }, delay);
  }

  async #probe() {
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), 10_000);
    let status = 0;
    try {
      const headers = { Accept: "text/event-stream" };
      ({ status } = await fetch(this.#address(), { headers, cache: "no-store", signal: giveUp.signal }));
    } catch {
      // The network's errors are no final word: try again later.
    }
    clearTimeout(timer);
    giveUp.abort();
    if (!this.#wanted || this.#source) return;
    if (FINAL_STATUSES.includes(status)) {
      this.close();
      this.#enter("ended");
    } else if (status === 200) {
      this.#connect();
    } else {
      this.#refusals += 1;
      this.#reconnectIn(backoff(this.#refusals));
    }
  }

  #hear() {
    this.#heardAt = Date.now();
    this.#watch(SILENCE);
    this.#enter("live");
  }

  /** @param {number} silence in ms, after which the connection counts as dead */
  #watch(silence) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), silence);
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #enterWaiting() {
    if (!navigator.onLine) this.#enter("offline");
    else this.#enter(this.#wasLive ? "reconnecting" : "connecting");
  }

  /** @param {State} state */
  #enter(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#emit("state", state);
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
