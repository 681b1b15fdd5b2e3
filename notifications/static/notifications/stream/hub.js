/** Every tab gets all of the one stream, and drops what it has. */

import { Stream } from "./stream.js";

/** For tabs whose page was made just before. */
const KEPT = 100;

export class Hub {
  #stream;
  /** @type {Told[]} */
  #recent = [];
  /** All after it is in #recent. */
  #base = 0;
  #broken = false;
  #unreadUrl = "";
  #timer;
  #send;

  /** @param {(message: Down) => void} send to every tab */
  constructor(send) {
    this.#send = send;
  }

  close() {
    clearTimeout(this.#timer);
    this.#stream?.close();
  }

  /** @param {Up} message */
  receive(message) {
    if (message.type === "join") this.#join(message.wants);
    else if (message.type === "check") this.#stream?.check(message.networkChanged);
    // A sign of life, too.
    this.#tell("state", this.#stream?.state ?? "connecting");
  }

  #join(wants) {
    this.#unreadUrl = `${wants.api}unread?user=${encodeURIComponent(wants.user)}`;
    if (!this.#stream) {
      this.#follow(wants);
      return;
    }
    this.#stream.listen(wants.kinds);
    // If the stream is the wrong one, the server resets it.
    if (wants.epoch !== this.#stream.cursor.epoch) this.#tell("reset", this.#stream.cursor);
    else if (wants.cursor < this.#base) {
      this.#base = wants.cursor;
      this.#recent = [];
      this.#stream.rewind(wants.cursor);
    } else {
      for (const one of this.#recent) if (one.id > wants.cursor) this.#tell("notification", one);
    }
    // Logged out, and in again.
    if (this.#stream.state === "ended") this.#stream.open();
  }

  #follow(wants) {
    const stream = new Stream(wants);
    this.#stream = stream;
    this.#base = wants.cursor;
    stream.on("notification", (detail) => {
      this.#keep(detail);
      this.#tell("notification", detail);
      // Its count is older. A retraction reaches many: not all ask at once.
      if (/^inbox.re/.test(detail.kind)) this.#askUnread(1000 + 2000 * Math.random());
    });
    stream.on("reset", (detail) => {
      this.#recent = [];
      this.#base = detail.cursor;
      this.#tell("reset", detail);
    });
    stream.on("moved", (cursor) => this.#tell("moved", { after: this.#recent.at(-1)?.id ?? this.#base, cursor }));
    stream.on("state", (state) => {
      this.#tell("state", state);
      if (state === "reconnecting" || state === "offline") this.#broken = true;
      if (state === "live" && this.#broken) {
        this.#broken = false;
        this.#askUnread(500);
      }
    });
    stream.open();
  }

  #keep(notification) {
    if (!(notification.id > (this.#recent.at(-1)?.id ?? 0))) return;
    this.#recent.push(notification);
    if (this.#recent.length > KEPT) this.#base = Math.max(this.#base, this.#recent.shift()?.id ?? 0);
  }

  #askUnread(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      try {
        const response = await fetch(this.#unreadUrl, { cache: "no-store" });
        if (response.ok) this.#tell("unread", await response.json());
      } catch {
        // Asked again next time.
      }
    }, delay);
  }

  #tell(type, detail) {
    this.#send({ type, detail, at: Date.now() });
  }
}
