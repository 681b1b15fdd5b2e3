/**
 * The events of the document, for the scripts of a site (docs/embedding.md). No browser loads this file: name it in the
 * `include` of a tsconfig.json, or in a `/// <reference path="…" />`.
 */
declare namespace LiveNotifications {
  /** How the page is connected. `ended`: for good, as after a log-out. `polling`: this browser has no EventSource. */
  type State = "connecting" | "live" | "reconnecting" | "offline" | "ended" | "polling";

  /** One event, as the stream and the JSON API send it. Data: what `log.append()` was given for events of this kind. */
  interface Event<Data = unknown> {
    /** Position in the log: higher is later. The same event has the same id in every tab and in the API. */
    readonly id: number;
    readonly kind: string;
    readonly channel: string;
    /** In the reader's language. */
    readonly title: string;
    readonly body: string;
    /** A path of this site, or empty. */
    readonly url: string;
    /** ISO 8601. */
    readonly created_at: string;
    readonly data: Data;
  }

  interface Notification<Data = unknown> extends Event<Data> {
    /** Whether the inbox lists and counts it: false for a kind with `listed=False`, and for one that the reader switched off. */
    readonly listed: boolean;
  }

  /** Changes on this page or on another device, by the ids of notifications. */
  interface InboxChange {
    /** All up to here are read. */
    readonly through: number | null | undefined;
    readonly read: readonly number[];
    readonly unread: readonly number[];
    /** Dismissed, or retracted by the site. */
    readonly dismissed: readonly number[];
  }

  interface Unread {
    /** Counting stops at 100. */
    readonly count: number;
    /** As a badge shows it: "7", "99+". */
    readonly label: string;
  }

  interface Connection {
    readonly state: State;
  }
}

interface DocumentEventMap {
  /** Something happened for the reader. Once in each tab, in order. */
  "notifications:notification": CustomEvent<LiveNotifications.Notification>;
  /** Something was read, made unread or dismissed. */
  "notifications:inbox": CustomEvent<LiveNotifications.InboxChange>;
  /** The number of unread notifications; also once at the start. */
  "notifications:unread": CustomEvent<LiveNotifications.Unread>;
  "notifications:connection": CustomEvent<LiveNotifications.Connection>;
  /**
   * Load anew what you show: events are missing (pruned, the database was restored, or the page comes out of the browser's cache for
   * "back"), or the reader's preferences have changed.
   */
  "notifications:reset": CustomEvent<null>;
}

interface HTMLElementTagNameMap {
  "notifications-bell": HTMLElement;
  "notifications-inbox": HTMLElement;
}
