// The stretch of time that the charts of a page show: the range of the address, or the zoom within it.

import { stepFor, type Range } from '../time/range';
import type { Stretch } from './model';

/** Points that a chart of half the page's width can show. */
export const POINTS = 720;

export interface View {
  /** Changes exactly when the charts have to ask for history anew. */
  key: string;
  isLive: boolean;
  /** Length in milliseconds. */
  ms: number;
  /** Interval of the resource's samples, in milliseconds. */
  interval: number;
  stretch: (now: number) => Stretch;
}

/** A live chart shows at least this much: less would race over the screen. */
const YOUNG_MS = 60_000;

/** `firstSeen`: when the resource's history begins. A younger one's charts start there, not with emptiness. */
export function viewOf(
  range: Range,
  zoom: { from: number; to: number } | null,
  interval: number,
  firstSeen: number,
): View {
  const fixed = zoom ?? (range.kind === 'between' ? range : null);
  const ms = fixed ? fixed.to - fixed.from : range.kind === 'last' ? range.ms : 0;
  const step = stepFor(ms, POINTS, interval);
  return {
    key: fixed ? `${fixed.from}-${fixed.to}` : `last ${ms}`,
    isLive: !fixed,
    ms,
    interval,
    stretch: (now) => {
      if (fixed) return { ...fixed, step, isLive: false };
      const begin = Math.min(firstSeen, now - Math.min(YOUNG_MS, ms));
      return { from: Math.max(now - ms, begin), to: now, step, isLive: true };
    },
  };
}
