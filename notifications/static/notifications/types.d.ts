/** The shapes that the client's modules share; for editors and `make lint`, no browser loads it. */

type State = "connecting" | "live" | "reconnecting" | "offline" | "ended" | "polling";

interface Told {
  /** Position in the log. */
  id: number;
  kind: string;
  channel: string;
  title: string;
  body: string;
  url: string;
  created_at: string;
  data: any;
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

/** What `inbox.read` says: positions. */
interface Changed {
  through?: number | null;
  read?: number[];
  unread?: number[];
  dismissed?: number[];
}
