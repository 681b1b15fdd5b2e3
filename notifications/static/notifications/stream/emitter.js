export class Emitter extends EventTarget {
  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @param {string} type @param {(detail: any) => void} act */
  on(type, act) {
    this.addEventListener(type, (/** @type {any} */ event) => act(event.detail));
  }
}
