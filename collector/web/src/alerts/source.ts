// What is open now, shared by the count of the frame, the overview, the page and the browser's notifications. Asked for at the
// start, when the room `alerts` says that something changed, after every action here, and once a minute.
//
// Bounded: one question at a time, one more when something changed meanwhile.

import { batch, computed, effect, signal } from '@preact/signals';

import { alerts, type Alert } from '../api/alerts';
import { join, pausedAt, refresh } from '../live/feed';
import { openCount } from '../state/alerts';

/** More than anybody looks through; the count says how many there are. */
const OPEN_MAX = 500;
/** Silences end and acknowledgements come without a message. */
const ASK_EVERY_MS = 60_000;

/** Null until it is known. */
export const openAlerts = signal<readonly Alert[] | null>(null);
export const openFailure = signal<string | null>(null);
/** Counts up whenever something may have changed: lists that show more ask again. */
export const changed = signal(0);

const LEVELS = { critical: 0, warning: 1 } as const;

/** Critical first, then the newest. */
export function worstAlertFirst(a: Alert, b: Alert): number {
  return LEVELS[a.level] - LEVELS[b.level] || b.fired - a.fired || b.id - a.id;
}

export const openInOrder = computed(() => [...(openAlerts.value ?? [])].sort(worstAlertFirst));

/** What is new is told by code that comes only then. What was open when the page came is no news. */
function tellNew(before: readonly Alert[] | null, rows: readonly Alert[]): void {
  if (before === null) return;
  const levels = new Map(before.map(({ id, level }) => [id, level]));
  if (rows.every(({ id, level }) => levels.get(id) === level)) return;
  import('./notify').then(
    ({ announceNew }) => announceNew(before, rows),
    () => undefined,
  );
}

let asking: Promise<void> | null = null;
let isAgain = false;

async function askOnce(): Promise<void> {
  try {
    const { alerts: rows, open } = await alerts.list({ state: 'open', limit: OPEN_MAX });
    batch(() => {
      tellNew(openAlerts.peek(), rows);
      openAlerts.value = rows;
      openCount.value = { critical: open.critical, warning: open.warning };
      openFailure.value = null;
    });
  } catch (error) {
    openFailure.value = error instanceof Error ? error.message : String(error);
  }
}

/** Asks what is open. */
export function reloadAlerts(): Promise<void> {
  if (asking) {
    isAgain = true;
    return asking;
  }
  asking = askOnce().finally(() => {
    asking = null;
    if (!isAgain) return;
    isAgain = false;
    void reloadAlerts();
  });
  return asking;
}

/** Asks what is open, and lets every list on the page ask again. */
export function alertsChanged(): void {
  changed.value += 1;
  void reloadAlerts();
}

/** Keeps it up to date until the returned function is called. */
export function startWatch(): () => void {
  const ends = [
    join('alerts', alertsChanged),
    effect(() => {
      // Something was missed: reconnected, or the page went on after a pause.
      if (refresh.value >= 0) void reloadAlerts();
    }),
  ];
  const timer = setInterval(() => {
    if (pausedAt.peek() === null && !document.hidden) void reloadAlerts();
  }, ASK_EVERY_MS);
  return () => {
    clearInterval(timer);
    for (const end of ends) end();
    // Nothing of the person's data stays.
    openAlerts.value = null;
    openCount.value = { critical: 0, warning: 0 };
  };
}
