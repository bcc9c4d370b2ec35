// How a figure moved over the stretch that its small chart shows, in words.

import { num, span } from '../i18n/format';
import { t } from '../i18n/index';

/** Below this much time a movement says nothing. */
const SHORTEST_MS = 60_000;
/** Readings at each end that are averaged, so that one spike is not a trend. */
const ENDS = 3;

export interface Movement {
  /** From the first readings to the last ones, as a share (0.03 is three percentage points). */
  change: number;
  ms: number;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The movement over what was measured; null when that is too short. */
export function movement(values: ArrayLike<number>, stepMs: number): Movement | null {
  const rows = Array.from(values, (value, row) => ({ value, row })).filter(({ value }) => !Number.isNaN(value));
  const [first, last] = [rows[0], rows.at(-1)];
  if (!first || !last || rows.length < 2 * ENDS) return null;
  const ms = (last.row - first.row) * stepMs;
  if (ms < SHORTEST_MS) return null;
  const ends = [rows.slice(0, ENDS), rows.slice(-ENDS)].map((end) => mean(end.map(({ value }) => value)));
  return { change: (ends[1] ?? 0) - (ends[0] ?? 0), ms };
}

/** "▲ 3.1 points in 15 min"; empty when nothing can be said. */
export function movementText(values: ArrayLike<number>, stepMs: number): string {
  const moved = movement(values, stepMs);
  if (!moved) return '';
  const points = Math.round(moved.change * 1_000) / 10;
  const arrow = points === 0 ? '=' : points > 0 ? '▲' : '▼';
  return t.value.moved(`${arrow} ${num(Math.abs(points), 1)}`, span(moved.ms));
}
