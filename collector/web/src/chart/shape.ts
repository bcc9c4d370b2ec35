// Turns the table of a chart into what uPlot draws: gaps, stacks, and the marks of events.
//
// In uPlot `null` breaks a line and `undefined` is passed over. A row that was not measured is passed over while the
// distance between its neighbours is at most 2.5 of the line's own intervals, and breaks the line beyond.

import type { Columns } from '../live/columns';
import type { Line } from './spec';

export type Cell = number | null | undefined;

/** Distance beyond which nothing may be drawn between two points, in intervals. */
export const GAP_INTERVALS = 2.5;

/** Rows between two measured values of a column, as a rule: slow sources fill every tenth row, say. */
export function spacing(values: Float64Array): number {
  const distances: number[] = [];
  let last = -1;
  for (let row = 0; row < values.length; row += 1) {
    if (Number.isNaN(values[row] ?? NaN)) continue;
    if (last >= 0) distances.push(row - last);
    last = row;
  }
  if (distances.length < 2) return 1;
  distances.sort((a, b) => a - b);
  return distances[distances.length >> 1] ?? 1;
}

/** Writes a column with its gaps into `out`, which has one cell a row. */
export function withGaps(values: Float64Array, out: Cell[], interval: number = spacing(values)): void {
  const reach = GAP_INTERVALS * interval;
  let last = -1;
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row] ?? NaN;
    if (Number.isNaN(value)) {
      out[row] = undefined;
      continue;
    }
    if (last >= 0 && row - last > reach) out.fill(null, last + 1, row);
    out[row] = value;
    last = row;
  }
}

export interface Shaped {
  times: number[];
  /** One array a drawn line, in drawing order (stacked ones summed up). */
  drawn: Cell[][];
  /** The same lines as they were measured. */
  raw: Cell[][];
  /** Largest drawn value; 0 when there is none. */
  top: number;
  hasData: boolean;
  /** Times at which something happened, by event line. */
  events: { line: Line; time: number }[];
  /** Stretches in which no line has anything, from the last value before to the first after. */
  gaps: [from: number, to: number][];
}

/** An empty result with room for a table, to be filled again and again. */
export function shaped(lines: readonly Line[], rows: number): Shaped {
  const cells = () => lines.filter((line) => line.role !== 'event').map(() => new Array<Cell>(rows));
  return { times: new Array<number>(rows), drawn: cells(), raw: cells(), top: 0, hasData: false, events: [], gaps: [] };
}

/** Fills `out` from the table. `intervals` are the lines' own spacings, in rows; hidden lines count as absent. */
export function shape(
  table: Columns,
  lines: readonly Line[],
  intervals: readonly number[],
  hidden: ReadonlySet<string>,
  out: Shaped,
): void {
  for (let row = 0; row < table.rows; row += 1) out.times[row] = table.time(row);
  out.top = 0;
  out.hasData = false;
  out.events = [];
  const base = new Float64Array(table.rows);
  let index = 0;
  lines.forEach((line, column) => {
    const values = table.columns[column];
    if (!values) return;
    if (line.role === 'event') {
      values.forEach((value, row) => value > 0 && out.events.push({ line, time: table.time(row) }));
      return;
    }
    const raw = out.raw[index];
    const drawn = out.drawn[index];
    index += 1;
    if (!raw || !drawn) return;
    withGaps(values, raw, intervals[column] ?? 1);
    const isHidden = hidden.has(line.key);
    for (let row = 0; row < raw.length; row += 1) {
      const value = raw[row];
      if (typeof value !== 'number') {
        drawn[row] = isHidden ? null : value;
        continue;
      }
      if (line.role !== 'limit') out.hasData = true;
      if (isHidden) {
        drawn[row] = null;
        continue;
      }
      const isStacked = line.role === 'stack' || line.role === 'bar';
      const sum = isStacked ? value + (base[row] ?? 0) : value;
      if (isStacked) base[row] = sum;
      drawn[row] = sum;
      if (sum > out.top) out.top = sum;
    }
  });
  out.gaps = gapsOf(out);
}

/** Rows in which every line breaks, as stretches of time. */
function gapsOf(view: Shaped): [number, number][] {
  const found: [number, number][] = [];
  let from = -1;
  for (let row = 0; row < view.times.length; row += 1) {
    const isHole =
      view.raw.length > 0 &&
      view.raw.every((cells) => cells[row] == null) &&
      view.raw.some((cells) => cells[row] === null);
    if (isHole && from < 0) from = row;
    if (!isHole && from >= 0) {
      found.push([view.times[Math.max(0, from - 1)] ?? 0, view.times[row] ?? 0]);
      from = -1;
    }
  }
  return found;
}

/** Last, smallest and largest measured value of a line. */
export function extent(cells: readonly Cell[]): { last: number; min: number; max: number } | null {
  let found: { last: number; min: number; max: number } | null = null;
  for (const value of cells) {
    if (typeof value !== 'number') continue;
    if (!found) found = { last: value, min: value, max: value };
    else {
      found.last = value;
      found.min = Math.min(found.min, value);
      found.max = Math.max(found.max, value);
    }
  }
  return found;
}

/** A round number at or above `top`, and the divisions of the axis below it. */
export function axisTop(top: number, base: 2 | 10 = 10): { max: number; splits: number[] } {
  if (!(top > 0)) return { max: 1, splits: [0, 1] };
  const wanted = top / 5;
  const unit = base === 2 ? 1024 ** Math.max(0, Math.floor(Math.log(wanted) / Math.log(1024))) : 1;
  const power = 10 ** Math.floor(Math.log10(wanted / unit));
  const powers = base === 2 ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] : [1, 2, 5, 10].map((m) => m * power);
  const step = (powers.find((m) => m >= wanted / unit - 1e-9) ?? 10 * power) * unit;
  const splits: number[] = [];
  for (let value = 0; value <= top * 1.0001; value += step) splits.push(Number(value.toPrecision(12)));
  return { max: Math.max(top, splits.at(-1) ?? top), splits };
}
