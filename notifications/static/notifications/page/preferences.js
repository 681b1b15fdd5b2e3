/** @type {Preferences} */
let preferences = JSON.parse(document.body.dataset.preferences || "{}");

export function setPreferences(changed) {
  preferences = changed;
}

/** They have every kind that is listed; "message" is what has none. @param {string} kind */
export function wanted(kind) {
  return preferences.kinds?.[kind] ?? { page: kind === "message", toast: true, desktop: false };
}

/** Whether it is a time at which nothing may pop up, by the clock of the person's zone. */
export function isQuiet(now = new Date()) {
  if (!preferences.quiet?.on) return false;
  const { from, until, zone } = preferences.quiet;
  try {
    const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
    const time = clock.format(now);
    return from < until ? from <= time && time < until : time >= from || time < until;
  } catch {
    return Boolean(preferences.quiet_now);
  }
}
