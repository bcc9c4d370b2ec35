// What the collector says of its own machine every few seconds: kept for the last points, pushed or polled.
//
// Invariant: at most `POINTS_MAX` points, in time order; what is not known is null and never 0.

import { signal } from '@preact/signals';

export interface Stats {
  /** Percent of its limit. */
  cpu: number | null;
  /** MiB. */
  ram: number | null;
  ram_percent: number | null;
  /** Tasks that wait; null where no queue is connected. */
  queue_size: number | null;
  /** "online" or "offline" by name; what was never asked is absent. */
  services: Readonly<Record<string, string>>;
}

export interface Sample {
  at: number;
  stats: Stats;
}

export const POINTS_MAX = 20;
/** Two within so little are one: a poll and a push that crossed. */
const SAME_MS = 500;

const numberOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

/** Reads the data of a message. Null when it is none. */
export function readStats(data: unknown): Stats | null {
  if (typeof data !== 'object' || data === null) return null;
  const of = data as Record<string, unknown>;
  const services: Record<string, string> = {};
  if (typeof of['services'] === 'object' && of['services'] !== null) {
    for (const [name, state] of Object.entries(of['services'])) {
      if (typeof state === 'string') services[name] = state;
    }
  }
  return {
    cpu: numberOf(of['cpu']),
    ram: numberOf(of['ram']),
    ram_percent: numberOf(of['ram_percent']),
    queue_size: numberOf(of['queue_size']),
    services,
  };
}

export class History {
  readonly samples = signal<readonly Sample[]>([]);

  /** Takes in what was told at a moment; what is older than the newest is not news. */
  take(stats: Stats | null, at: number): void {
    if (!stats) return;
    const all = this.samples.peek();
    const last = all.at(-1);
    if (last && at < last.at) return;
    const rest = last && at - last.at < SAME_MS ? all.slice(0, -1) : all;
    this.samples.value = [...rest, { at, stats }].slice(-POINTS_MAX);
  }

  get newest(): Sample | null {
    return this.samples.value.at(-1) ?? null;
  }
}
