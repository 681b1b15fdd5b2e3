/** Keeps the relative times of the page right, in the page's language. */

const REFRESH = 20_000;
/** @type {[any, number][]} */
const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];
/** Then a date says more. */
const LONGEST = 7 * 86_400;

const language = document.documentElement.lang || undefined;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(language, { dateStyle: "medium" });

function describe(date) {
  const seconds = Math.max(0, (Date.now() - date.getTime()) / 1000);
  if (seconds > LONGEST) return day.format(date);
  for (const [unit, length] of UNITS) {
    if (seconds >= length) return relative.format(-Math.floor(seconds / length), unit);
  }
  return relative.format(0, "second");
}

export function showTime(element) {
  const date = new Date(element.dateTime);
  if (Number.isNaN(date.getTime())) return;
  const text = describe(date);
  if (element.textContent !== text) element.textContent = text;
  element.title = exact.format(date);
}

export function keepTimesRight() {
  const showAll = () => {
    document.querySelectorAll("time[data-relative]").forEach(showTime);
  };
  showAll();
  setInterval(showAll, REFRESH);
  document.addEventListener("refreshed", showAll);
  document.addEventListener("visibilitychange", showAll);
}
