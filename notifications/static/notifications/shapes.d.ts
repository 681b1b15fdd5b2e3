/** The shapes that the client's modules share; for editors and `make lint`, no browser loads it. types.d.ts has those of sites. */

type State = LiveNotifications.State;

interface Told extends LiveNotifications.Event<any> {
  /** It waited in the queue of a frozen tab. */
  late?: boolean;
}

interface Wants {
  url: string;
  kinds: string[];
  /** Without one, from where the server says. */
  cursor?: number | null;
  /** In which epoch of the log the page's cursor is; unknown until the first id. */
  epoch?: string;
  /** Milliseconds; the server says something at least this often. */
  ping?: number;
  /** Whose stream it is: the session may be another's by the time it reconnects. */
  user?: string;
  /** Address of the JSON API. */
  api?: string;
}

/** What a stream emits, and the detail of each. It has no DOM, so that a worker can hold it; without EventSource it polls. */
interface StreamEvents {
  notification: Told;
  finish: Told;
  /** The log is another one, or what came before is pruned. */
  reset: { epoch: string; cursor: number };
  /** A cursor: the server has sent everything up to there, though none of it may be for this reader. */
  moved: number;
  state: State;
  /** From the holder of a shared stream. */
  unread: { unread: number; cursor: number };
}

/**
 * Told to every tab. A tab that has everything up to `after` has everything up to `cursor`. One that joins just now, from an older
 * cursor, must not move before it has got what lies between.
 */
interface Moved {
  after: number;
  cursor: number;
}

/** From a tab to the holder of the stream. */
type Up = { type: "join"; wants: Wants & { cursor: number } } | { type: "check"; networkChanged: boolean } | { type: "ask" };

/** From the holder to every tab. */
interface Down {
  type: "notification" | "moved" | "reset" | "state" | "unread";
  detail: any;
  at: number;
}

interface Preferences {
  kinds?: Record<string, { page: boolean; toast: boolean; desktop: boolean }>;
  quiet?: { on: boolean; from: string; until: string; zone: string };
  /** As the server saw it, for zones that this browser does not know. */
  quiet_now?: boolean;
}

/** What `inbox.read` says. */
type Changed = Partial<LiveNotifications.InboxChange>;

interface DocumentEventMap {
  /** Every event of the stream, those of the inbox itself too. */
  notification: CustomEvent<Told>;
  /** Regions of the page have been replaced. */
  refreshed: CustomEvent<undefined>;
}
