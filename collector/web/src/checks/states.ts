// Health checks: how a state looks, which is worst, and how pushed results join those that were asked for.

import type { CheckEvent, CheckPoint, CheckRow, CheckState } from '../api/types';
import { t } from '../i18n/index';
import type { IconName } from '../ui/icon';

/** Results of a check that its strip shows. */
export const RESULTS = 50;

const RANK: Record<CheckState, number> = { offline: 0, degraded: 1, online: 2 };

interface Look {
  class: 'ok' | 'warn' | 'crit';
  icon: IconName;
}

const LOOKS: Record<CheckState, Look> = {
  online: { class: 'ok', icon: 'check' },
  degraded: { class: 'warn', icon: 'warn' },
  offline: { class: 'crit', icon: 'crit' },
};

export function checkLook(state: CheckState): Look {
  return LOOKS[state];
}

export function checkWord(state: CheckState): string {
  const m = t.value;
  return { online: m.online, degraded: m.degraded, offline: m.offline }[state];
}

/** Worst first, then by name. */
export function worstCheckFirst(a: CheckRow, b: CheckRow): number {
  return RANK[a.state] - RANK[b.state] || a.name.localeCompare(b.name) || a.resource - b.resource;
}

export function worstState(rows: readonly CheckRow[]): CheckState | null {
  let found: CheckState | null = null;
  for (const { state } of rows) if (found === null || RANK[state] < RANK[found]) found = state;
  return found;
}

/** A row with newer results on top; its figures of the whole range stay until they are asked for again. */
function withResult(row: CheckRow, event: CheckEvent): CheckRow {
  if (row.results.some((one) => one.time >= event.time)) return row;
  const { time, state, success, latency_ms, detail } = event;
  const point: CheckPoint = { time, state, success, latency_ms, detail };
  return { ...row, state, time, detail, results: [point, ...row.results].slice(0, RESULTS) };
}

/** Checks with what was pushed since they were asked for. A check that is new is in the next answer. */
export function withPushed(rows: readonly CheckRow[], pushed: readonly CheckEvent[]): CheckRow[] {
  const byCheck = new Map<string, CheckEvent[]>();
  for (const event of pushed) {
    const key = `${event.resource} ${event.name}`;
    byCheck.set(key, [...(byCheck.get(key) ?? []), event]);
  }
  return rows.map((row) =>
    (byCheck.get(`${row.resource} ${row.name}`) ?? [])
      .sort((a, b) => a.time - b.time)
      .reduce((now, event) => withResult(now, event), row),
  );
}

/** What part of a service a check stands for. */
export type Part = 'database' | 'cache' | 'broker' | 'worker' | 'http' | 'other';

const PARTS: Record<string, Part> = {
  postgres: 'database',
  mysql: 'database',
  redis: 'cache',
  amqp: 'broker',
  process: 'worker',
  http: 'http',
  tls: 'http',
};

export function partOf(kind: string): Part {
  return PARTS[kind] ?? 'other';
}

export function partWord(part: Part): string {
  const m = t.value;
  const words: Record<Part, string> = {
    database: m.partDatabase,
    cache: m.partCache,
    broker: m.partBroker,
    worker: m.partWorker,
    http: 'HTTP',
    other: m.partOther,
  };
  return words[part];
}

/** The name of a kind of check, as its users write it. */
export function kindName(kind: string): string {
  const names: Record<string, string> = {
    http: 'HTTP',
    tcp: 'TCP',
    tls: 'TLS',
    redis: 'Redis',
    postgres: 'PostgreSQL',
    mysql: 'MySQL',
    amqp: 'AMQP',
    process: t.value.colProcess,
    command: t.value.command,
  };
  return names[kind] ?? kind;
}
