/** The processes answer within seconds of being asked: looks again until they have. */

if (document.querySelector("[data-waits]")) setTimeout(() => location.reload(), 1500);
