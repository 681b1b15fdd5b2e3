/** Renews the figures of the operators' page: the server draws them, its stream brings them, this puts them in place. */

const page = /** @type {HTMLElement} */ (document.querySelector("[data-stream]"));
const figures = /** @type {HTMLElement} */ (page.querySelector("[data-figures]"));
const state = /** @type {HTMLElement} */ (page.querySelector("[role=status]"));
/** Reports come every two seconds. */
const PATIENCE = 10_000;
const AGAIN = 5000;

/** @type {EventSource} */
let source;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let silence;

/** @param {"live" | "waiting" | "ended"} how */
function say(how) {
  if (state.dataset.state === how) return;
  state.dataset.state = how;
  state.textContent = page.dataset[how] ?? "";
}

function heard() {
  clearTimeout(silence);
  silence = setTimeout(() => say("waiting"), PATIENCE);
}

/** EventSource hides what the server answered: these are for good, anything else passes. */
async function refused() {
  const abort = new AbortController();
  try {
    const { status } = await fetch(page.dataset.stream ?? "", { signal: abort.signal });
    return [204, 401, 403, 404].includes(status);
  } catch {
    return false;
  } finally {
    abort.abort();
  }
}

function open() {
  source = new EventSource(page.dataset.stream ?? "");
  source.addEventListener("operators.report", (event) => {
    heard();
    say("live");
    figures.innerHTML = JSON.parse(event.data).html;
  });
  source.addEventListener("error", async () => {
    say("waiting");
    if (source.readyState !== EventSource.CLOSED) return;
    if ((await refused()) && source.readyState === EventSource.CLOSED) say("ended");
    else setTimeout(open, AGAIN);
  });
}

addEventListener("pagehide", () => source.close());
addEventListener("pageshow", (event) => event.persisted && open());
open();
