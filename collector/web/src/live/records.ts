// A list of records on the page, newest first: the first page by question, older ones by cursor, new ones by push.
//
// Bounded: at most `SHOWN_MAX` on screen and `WAITING_MAX` beside it; beyond it the oldest go.

import { batch, signal } from '@preact/signals';

export interface Dated {
  id?: number | null;
  time: number;
}

export const SHOWN_MAX = 1_000;
export const WAITING_MAX = 500;

/** Whether `a` comes after `b` in a list that has the newest first. */
function isBefore(a: Dated, b: Dated): boolean {
  if (a.time !== b.time) return a.time < b.time;
  return (a.id ?? 0) < (b.id ?? 0);
}

/** A fresh first page with what was loaded behind it. What was only pushed is in the fresh page, or was not stored. */
export function merged<T extends Dated>(fresh: readonly T[], old: readonly T[]): T[] {
  const last = fresh.at(-1);
  if (!last) return [];
  return [...fresh, ...old.filter((row) => row.id != null && isBefore(row, last))].slice(0, SHOWN_MAX);
}

export class RecordList<T extends Dated> {
  readonly rows = signal<readonly T[]>([]);
  /** Pushed while the reader looks at something further down, newest first. */
  readonly waiting = signal<readonly T[]>([]);
  /** Where older ones begin; null when there are none. */
  readonly next = signal<string | null>(null);
  readonly isAsking = signal(false);
  readonly failure = signal<string | null>(null);
  /** Times of records that came while somebody looked. */
  readonly fresh = new Set<T>();

  /** Takes in the first page. `isSame`: the question is the one before, so older pages stay. */
  take(rows: readonly T[], next: string | null, isSame: boolean): void {
    batch(() => {
      const old = isSame ? this.rows.peek() : [];
      const all = merged(rows, old);
      this.rows.value = all;
      // The cursor belongs to the oldest row there is.
      if (all.length <= rows.length) this.next.value = next;
      this.waiting.value = [];
    });
  }

  /** Takes in what was pushed: on top, or aside while the reader is further down. */
  push(pushed: readonly T[], isAside: boolean): void {
    if (pushed.length === 0) return;
    const known = new Set(
      [...this.rows.peek(), ...this.waiting.peek()].flatMap((row) => (row.id == null ? [] : [row.id])),
    );
    const news = pushed.filter((row) => row.id == null || !known.has(row.id)).sort((a, b) => (isBefore(a, b) ? 1 : -1));
    for (const row of news) this.fresh.add(row);
    if (isAside) this.waiting.value = [...news, ...this.waiting.peek()].slice(0, WAITING_MAX);
    else this.rows.value = [...news, ...this.rows.peek()].slice(0, SHOWN_MAX);
  }

  /** Shows what waited. */
  reveal(): void {
    batch(() => {
      this.rows.value = [...this.waiting.peek(), ...this.rows.peek()].slice(0, SHOWN_MAX);
      this.waiting.value = [];
    });
  }

  /** Asks for older ones. */
  async older(ask: (before: string) => Promise<{ rows: readonly T[]; next: string | null }>): Promise<void> {
    const before = this.next.peek();
    if (before === null || this.isAsking.peek()) return;
    this.isAsking.value = true;
    try {
      const { rows, next } = await ask(before);
      // Another question may have come between.
      if (this.next.peek() !== before) return;
      batch(() => {
        this.rows.value = [...this.rows.peek(), ...rows].slice(0, SHOWN_MAX);
        this.next.value = this.rows.peek().length >= SHOWN_MAX ? null : next;
        this.failure.value = null;
      });
    } catch (error) {
      this.failure.value = error instanceof Error ? error.message : String(error);
    } finally {
      this.isAsking.value = false;
    }
  }
}
