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
  /** Milliseconds; the server says something at least this often. */
  ping?: number;
  /** Whose stream it is: the session may be another's by the time it reconnects. */
  user?: string;
  /** Address of the JSON API. */
  api?: string;
}

/** From a tab to the holder of the stream. */
type Up = { type: "join"; wants: Wants & { cursor: number } } | { type: "check"; networkChanged: boolean } | { type: "ask" };

/** From the holder to every tab. */
interface Down {
  type: "notification" | "reset" | "state" | "unread";
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
