/** Nothing on the page jumps: what has to make room glides there. */

const TIMING = { duration: 280, easing: "cubic-bezier(0.2, 0, 0, 1)" };

/** All that moves when the element changes its height: its children, and what follows it or one of its ancestors. */
function below(element) {
  const found = [...element.children];
  for (let node = element; node && node.id !== "main"; node = node.parentElement) {
    for (let next = node.nextElementSibling; next; next = next.nextElementSibling) found.push(next);
  }
  return found;
}

/** @param {Element} element @param {() => Element | void} change returns what is new, which fades in */
export function glide(element, change) {
  const calm = document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches;
  const tops = new Map(calm ? [] : below(element).map((each) => [each, each.getBoundingClientRect().top]));
  const fresh = change();
  if (calm) return;
  for (const [each, top] of tops) {
    const shift = each.isConnected ? top - each.getBoundingClientRect().top : 0;
    if (shift) each.animate([{ transform: `translateY(${shift}px)` }, { transform: "none" }], TIMING);
  }
  fresh?.animate([{ opacity: 0 }, { opacity: 1 }], TIMING);
}
