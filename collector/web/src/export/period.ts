// The stretch of time of an export: the page's, fixed at the moment that the dialog opened, or the last so long.

import { parseSpan } from '../time/range';

export type Period = { kind: 'page'; from: number; to: number } | { kind: 'last'; text: string };

export const LASTS = ['1h', '24h', '7d', '30d'] as const;

/** From and to at a moment. Whole seconds: the file and the count before it must mean the same. */
export function clockSpan(period: Period, now: number): { from: number; to: number } {
  if (period.kind === 'page') return { from: period.from, to: period.to };
  const ms = parseSpan(period.text) ?? 0;
  const to = Math.floor(now / 1000) * 1000;
  return { from: to - ms, to };
}
