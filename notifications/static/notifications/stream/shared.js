/** A tab's share of the one stream: in a shared worker, in the tab that has a lock, or its own. It emits StreamEvents. */

import { Emitter } from "./emitter.js";
import { Hub } from "./hub.js";

/** How long a holder may take to answer before it is replaced. */
const ANSWER = 2500;
/** What waited longer in a frozen tab's queue has been shown elsewhere. */
const LATE = 20_000;

export class Shared extends Emitter {
  #wants;
  #worker;
  #key;
  #post;
  #leave = () => {};
  #heardAt = 0;
  #askedAt = 0;
  #joinedAt = 0;
  #beat;

  /** @param {Wants & {cursor: number}} wants @param {string} worker address of its script */
  constructor(wants, worker) {
    super();
    this.#wants = wants;
    this.#worker = "SharedWorker" in window && "EventSource" in window ? worker : "";
    // Neither two people nor two releases talk to each other.
    this.#key = `notifications:${wants.user}:${worker}`;
  }

  open() {
    this.close();
    if (this.#worker) this.#useWorker();
    else if (navigator.locks && "BroadcastChannel" in window) this.#useLeader();
    else this.#useOwn();
    this.#beat = setInterval(() => this.#look(), this.#pause);
    this.#join();
  }

  close() {
    clearInterval(this.#beat);
    this.#leave();
    this.#leave = () => {};
    this.#post = undefined;
  }

  skipTo(cursor) {
    this.#wants.cursor = Math.max(this.#wants.cursor, cursor);
  }

  check(networkChanged = false) {
    if (navigator.onLine) this.#ask({ type: "check", networkChanged });
    else this.emit("state", "offline");
  }

  #join() {
    this.#joinedAt = this.#heardAt = Date.now();
    this.#askedAt = 0;
    this.#post?.({ type: "join", wants: this.#wants });
  }

  #ask(message) {
    if (this.#askedAt <= this.#heardAt) this.#askedAt = Date.now();
    this.#post?.(message);
    setTimeout(() => this.#look(), ANSWER + 100);
  }

  #look() {
    const now = Date.now();
    const asked = this.#askedAt > this.#heardAt;
    if (!this.#post) return;
    if (!asked && now - this.#heardAt >= this.#pause) this.#ask({ type: "ask" });
    else if (asked && now - this.#askedAt >= ANSWER) {
      this.#askedAt = 0;
      this.#replace();
    }
  }

  get #pause() {
    return Math.min(5000, (this.#wants.ping || 15_000) / 3);
  }

  #replace = () => this.open();

  #useWorker() {
    const worker = new SharedWorker(this.#worker, { name: this.#key, type: "module" });
    const { port } = worker;
    const fail = () => {
      this.#worker = "";
      this.open();
    };
    worker.onerror = fail;
    port.onmessage = ({ data }) => this.#take(data);
    this.#post = (message) => port.postMessage(message);
    // One that never said a word does not run here.
    this.#replace = () => (this.#heardAt > this.#joinedAt ? this.open() : fail());
    this.#leave = () => {
      worker.onerror = port.onmessage = null;
      port.postMessage({ type: "leave" });
      port.close();
    };
  }

  #useLeader() {
    const channel = new BroadcastChannel(this.#key);
    const waiting = new AbortController();
    let hub;
    let resign = () => {};
    let left = false;
    const toAll = (message) => {
      channel.postMessage(message);
      this.#take(message);
    };
    const apply = async (options) => {
      /** @type {any} */
      let mine;
      try {
        await navigator.locks.request(this.#key, options, () => {
          if (left) return null;
          hub = mine = new Hub(toAll);
          channel.postMessage({ type: "leader" });
          this.#join();
          return new Promise((resolve) => (resign = () => resolve(null)));
        });
      } catch {
        // Taken away, or given up below.
      }
      mine?.close();
      setTimeout(() => left || this.open(), 100);
    };
    this.#post = (message) => (hub ? hub.receive(message) : channel.postMessage({ up: message }));
    channel.onmessage = ({ data }) => {
      if (data.up) hub?.receive(data.up);
      else if (data.type === "leader") this.#join();
      else if (!hub) this.#take(data);
    };
    this.#leave = () => {
      left = true;
      waiting.abort();
      resign();
      hub?.close();
      hub = undefined;
      channel.close();
    };
    this.#replace = () => {
      if (!hub) void apply({ steal: true });
    };
    void apply({ signal: waiting.signal });
  }

  #useOwn() {
    const hub = new Hub((message) => this.#take(message));
    this.#replace = () => {};
    this.#post = (message) => hub.receive(message);
    this.#leave = () => hub.close();
  }

  #take({ type, detail, at }) {
    this.#heardAt = Math.max(Date.now(), this.#joinedAt + 1);
    if (type === "notification") {
      if (detail.id <= this.#wants.cursor) return;
      if (detail.id) this.#wants.cursor = detail.id;
      this.emit(type, { ...detail, late: Date.now() - at > LATE });
    } else if (type === "moved") {
      if (this.#wants.cursor >= detail.after) this.skipTo(detail.cursor);
    } else if (type === "reset") {
      Object.assign(this.#wants, detail);
      this.emit(type, detail);
    } else {
      this.emit(type, type === "state" && !navigator.onLine ? "offline" : detail);
    }
  }
}
