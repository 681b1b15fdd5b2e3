/** Run by every page. What happens is also told by events of the document (types.d.ts). */

import { showConnection } from "./page/connection.js";
import { one, tell } from "./page/dom.js";
import { actOnLines, addLine, changeLines } from "./page/lines.js";
import { forgetPopups, popUp, takeDown } from "./page/popups.js";
import { setPreferences, wanted } from "./page/preferences.js";
import { refresh } from "./page/regions.js";
import { keepTimesRight } from "./page/times.js";
import { addUnread, countAnew, extendMarkAll, readUnread, setUnread } from "./page/unread.js";
import { followPage } from "./stream/lifecycle.js";
import { Shared } from "./stream/shared.js";

const { streamUrl = "", cursor = "", epoch = "", kinds = "", user = "", api = "", ping = "", worker = "" } = document.body.dataset;

/** @param {Told} notification */
function receive(notification) {
  const { id, kind, data } = notification;
  if (kind === "inbox.read") {
    changeLines(data);
    setUnread(data.count, id);
  } else if (kind === "inbox.retracted") {
    takeDown(data.positions);
    changeLines({ dismissed: data.positions });
  } else if (kind === "inbox.preferences") {
    setPreferences(data);
    tell("notifications:reset");
  } else {
    const listed = wanted(kind).page;
    if (listed) {
      addLine(notification);
      addUnread(id);
      void popUp(notification);
    }
    tell("notifications:notification", { ...notification, listed });
  }
  extendMarkAll(id);
  const selector = `[data-refresh-on~="${CSS.escape(kind)}"]`;
  if (one(selector)) void refresh(selector);
  tell("notification", notification);
}

async function refreshAll() {
  const page = await refresh("[data-region], [data-refresh-on], #unread");
  const said = page && (one("[data-notifications]", page) ?? page.body).dataset;
  const at = Number(said?.cursor);
  if (at) readUnread(at, said);
  return at;
}

function follow() {
  const wants = { url: streamUrl, kinds: kinds.split(" "), cursor: Number(cursor), epoch, user, api, ping: Number(ping) * 1000 };
  const stream = new Shared(wants, worker);
  const show = (state) => {
    showConnection(one("#connection"), state);
    tell("notifications:connection", { state });
  };
  stream.on("notification", receive);
  stream.on("state", show);
  stream.on("unread", ({ unread, cursor: at }) => setUnread(unread, at));
  stream.on("reset", () => {
    forgetPopups();
    countAnew();
    void refreshAll();
    tell("notifications:reset");
  });
  followPage(stream, async () => {
    stream.skipTo((await refreshAll()) || 0);
    tell("notifications:reset");
  });
  show("connecting");
  stream.open();
}

// On a phone the navigation scrolls sideways.
one(".navigation [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
keepTimesRight();
readUnread();
actOnLines();
if (streamUrl) follow();
