// Stretches of time in which an alert fired, tinted behind the lines of a chart.

import type { AlertLevel } from '../api/alerts';

export interface Band {
  from: number;
  /** Null while it goes on. */
  to: number | null;
  level: AlertLevel;
  /** What it was, for the tooltip and for those who do not see it. */
  text: string;
}

/** Those that hold at a moment. */
export function bandsAt(bands: readonly Band[], time: number): Band[] {
  return bands.filter(({ from, to }) => from <= time && (to === null || time <= to));
}

export interface Tint {
  from: number;
  to: number;
  level: AlertLevel;
}

/** Stretches that touch nowhere, each with the gravest level that holds in it: tints over tints would hide the lines. */
export function tints(bands: readonly Band[], end: number): Tint[] {
  const closed = bands.map(({ from, to, level }) => ({ from, to: Math.min(end, to ?? end), level }));
  const cuts = [...new Set(closed.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  const found: Tint[] = [];
  cuts.slice(0, -1).forEach((from, i) => {
    const to = cuts[i + 1] ?? from;
    const held = closed.filter((band) => band.from <= from && band.to >= to);
    if (held.length === 0) return;
    const level = held.some((band) => band.level === 'critical') ? 'critical' : 'warning';
    const last = found.at(-1);
    if (last?.to === from && last.level === level) last.to = to;
    else found.push({ from, to, level });
  });
  return found;
}
