// What was deleted here and can still be brought back. The collector keeps it for ten minutes; so does this list.

import { signal } from '@preact/signals';

import { cache } from '../api/cache';
import { num } from '../i18n/format';
import { t } from '../i18n/index';
import * as clock from '../live/clock';
import { toast } from '../ui/toast';
import { refusal } from './refusal';

const KEPT_MS = 600_000;
/** More than anybody takes back by hand. */
const KEPT_MAX = 20;

export interface Undoable {
  undo: string;
  instance: string;
  /** What was done, as the message said it. */
  text: string;
  until: number;
}

export const undoables = signal<readonly Undoable[]>([]);
/** Counts up with every action, so that the list of them is asked for again. */
export const acted = signal(0);

export async function takeBack(what: Undoable): Promise<void> {
  const m = t.peek();
  undoables.value = undoables.peek().filter((one) => one.undo !== what.undo);
  try {
    const { restored, skipped } = await cache.undo({ instance: what.instance, undo: what.undo });
    const text = m.undoDone(num(restored), restored);
    toast(skipped > 0 ? 'warn' : 'ok', skipped > 0 ? `${text} ${m.undoSkipped(num(skipped), skipped)}` : text);
  } catch (error) {
    toast('crit', m.undoFailed(refusal(error)));
  }
  acted.value += 1;
}

/** Says what was done, with the way back where there is one. */
export function tell(kind: 'ok' | 'warn', instance: string, text: string, undo: string | null): void {
  acted.value += 1;
  if (undo === null) {
    toast(kind, text);
    return;
  }
  const what = { undo, instance, text, until: clock.now() + KEPT_MS };
  const now = clock.now();
  undoables.value = [what, ...undoables.peek().filter((one) => one.until > now)].slice(0, KEPT_MAX);
  toast(kind, text, { label: t.peek().undo, run: () => void takeBack(what) });
}
