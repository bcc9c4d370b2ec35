// The page's one polite live region: what is said to screen readers, at most once a second.

import { signal } from '@preact/signals';

const GAP_MS = 1_000;
const said = signal('');
let next: string | null = null;
let timer: number | null = null;

/** Says a sentence; of several within a second only the last is said. */
export function announce(text: string): void {
  if (timer !== null) {
    next = text;
    return;
  }
  said.value = text;
  timer = window.setTimeout(() => {
    timer = null;
    if (next !== null) {
      const waiting = next;
      next = null;
      announce(waiting);
    }
  }, GAP_MS);
}

export function Announcer() {
  return (
    <div class="sr" role="status" aria-live="polite">
      {said}
    </div>
  );
}
