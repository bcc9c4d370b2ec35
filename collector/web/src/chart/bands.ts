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

/** Warnings first, so that what is critical lies on top. */
export function inDrawingOrder(bands: readonly Band[]): Band[] {
  return [...bands].sort((a, b) => Number(a.level === 'critical') - Number(b.level === 'critical'));
}
