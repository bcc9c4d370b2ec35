// Today against yesterday, for the arrows on the cards: asked for late, many resources at once, kept for a minute.
//
// Bounded: a question names at most `RESOURCES_MAX` resources; what is not asked for any more is forgotten.

import { computed, signal, type ReadonlySignal } from '@preact/signals';

import { api } from '../api/client';
import type { CompareRow } from '../api/types';
import * as clock from './clock';

/** Figures of the cards have the first word: comparisons wait for so long. */
const LATE_MS = 400;
const KEPT_MS = 60_000;
const RESOURCES_MAX = 24;

/** Metrics that some card compares. Counters are compared as rates. */
const METRICS = [
  'system.cpu.time',
  'system.memory.usage',
  'container.cpu.time',
  'container.memory.working_set',
  'http.server.request.rate',
  'http.server.request.error_ratio',
  'http.server.request.duration',
  'http.server.request.apdex',
  'farol.users.online',
] as const;

interface Kept {
  at: number;
  rows: CompareRow[];
}

const kept = signal<ReadonlyMap<number, Kept>>(new Map());
const wanted = new Set<number>();
let timer: ReturnType<typeof setTimeout> | null = null;

async function flush(): Promise<void> {
  timer = null;
  const ids = [...wanted].slice(0, RESOURCES_MAX);
  for (const id of ids) wanted.delete(id);
  if (wanted.size > 0) soon();
  const now = clock.now();
  const next = new Map([...kept.peek()].filter(([, { at }]) => now - at < 10 * KEPT_MS));
  try {
    const { metrics } = await api.compare(ids, METRICS);
    for (const id of ids) next.set(id, { at: now, rows: metrics.filter((row) => row.resource === id) });
  } catch {
    // A card without an arrow is whole; the next minute asks again.
    for (const id of ids) next.set(id, { at: now, rows: next.get(id)?.rows ?? [] });
  }
  kept.value = next;
}

function soon(): void {
  timer ??= setTimeout(() => void flush(), LATE_MS);
}

/** Says that the comparison of these resources is on screen. */
export function want(ids: Iterable<number>): void {
  const now = clock.now();
  for (const id of ids) {
    const have = kept.peek().get(id);
    if (!have || now - have.at >= KEPT_MS) wanted.add(id);
  }
  if (wanted.size > 0) soon();
}

/** What is known of a resource. */
export function compared(id: number): readonly CompareRow[] {
  return kept.value.get(id)?.rows ?? [];
}

/** Forgets everything; for another user, and for tests. */
export function forget(): void {
  kept.value = new Map();
  wanted.clear();
  if (timer !== null) clearTimeout(timer);
  timer = null;
}

export interface Change {
  /** As a share of yesterday's: 0.12 is 12 % more. */
  share: number;
  /** Null: neither, or too little to say. */
  isBetter: boolean | null;
}

/** Below this much a change is not judged. */
const NOTHING = 0.01;

/** The change of a sum of metrics; null when either day has nothing to compare. */
export function change(rows: readonly CompareRow[], pick: (row: CompareRow) => boolean): Change | null {
  let [today, yesterday, found] = [0, 0, 0];
  let good: CompareRow['good'] = 'neither';
  for (const row of rows) {
    if (row.today === null || row.yesterday === null || !pick(row)) continue;
    today += row.today;
    yesterday += row.yesterday;
    good = row.good;
    found += 1;
  }
  if (found === 0 || yesterday === 0) return null;
  const share = (today - yesterday) / yesterday;
  if (!Number.isFinite(share)) return null;
  const isBetter = good === 'neither' || Math.abs(share) < NOTHING ? null : share > 0 === (good === 'up');
  return { share, isBetter };
}

const IDLE = new Set(['idle', 'iowait', 'guest', 'guest_nice']);

/** Rows that make up a figure of a card. */
export const PICKS = {
  cpu: (row: CompareRow) =>
    row.metric === 'container.cpu.time' ||
    (row.metric === 'system.cpu.time' && !IDLE.has(row.attributes['cpu.mode'] ?? '')),
  memory: (row: CompareRow) =>
    row.metric === 'container.memory.working_set' ||
    (row.metric === 'system.memory.usage' && row.attributes['system.memory.state'] === 'used'),
  rate: (row: CompareRow) => row.metric === 'http.server.request.rate',
  errors: (row: CompareRow) => row.metric === 'http.server.request.error_ratio',
  apdex: (row: CompareRow) => row.metric === 'http.server.request.apdex',
  users: (row: CompareRow) => row.metric === 'farol.users.online',
  p50: (row: CompareRow) => isDuration(row, 'p50'),
  p95: (row: CompareRow) => isDuration(row, 'p95'),
  p99: (row: CompareRow) => isDuration(row, 'p99'),
} as const;

function isDuration(row: CompareRow, statistic: string): boolean {
  return row.metric === 'http.server.request.duration' && row.attributes['farol.statistic'] === statistic;
}

/** The change of one figure over some resources together. */
export function changeOf(ids: readonly number[], figure: keyof typeof PICKS): ReadonlySignal<Change | null> {
  return computed(() => change(ids.flatMap(compared), PICKS[figure]));
}
