// What a chart shows, without drawing anything: which series make up which line.
//
// A line is a sum of series, less others, over others: enough for shares, ratios and totals. The same description turns
// stored history and live frames into lines.

import type { SeriesRow } from '../api/types';

export interface Line {
  key: string;
  label: string;
  /** A colour's name among the tokens, such as `--s1`. */
  color: string;
  /** Series that are added up. */
  plus: readonly number[];
  /** Series that are taken off. */
  minus?: readonly number[];
  /** Series whose sum divides. */
  over?: readonly number[];
  /**
   * Stacked lines are drawn on each other, bars likewise; limits are dashed; events are marks in time where the value is
   * above 0.
   */
  role: 'stack' | 'bar' | 'line' | 'limit' | 'event';
  /** Filled below, for single lines. */
  isFilled?: boolean;
  /** What stands at the line of a limit or an event, in place of the usual word. */
  mark?: string;
}

export interface ChartSpec {
  key: string;
  title: string;
  /** What the axis counts, written beside the title. */
  note?: string;
  /** Metrics that history is asked for. */
  metrics: readonly string[];
  lines: Line[];
  /** Writes a value of the axis; all of one axis have the unit of its top and the decimals of its step. */
  axis: (value: number, step: number, top: number) => string;
  /** Writes a value in legend and tooltip. */
  value: (value: number) => string;
  /** The axis goes at least this far. */
  atLeast?: number;
  /** A fixed axis, for what lives in a narrow band far from 0. */
  scale?: { min: number; max: number; splits: readonly number[] };
  /** Dragging does not zoom: the chart always shows the same stretch. */
  isStill?: boolean;
  /** Pixels of the picture; the usual height when absent. */
  height?: number;
  /** Multiples of which the axis is divided: 2 for bytes, 10 else. */
  base?: 2 | 10;
}

/** The value of a line, or NaN when a series that it needs has none. */
export function lineValue(line: Line, of: (series: number) => number): number {
  let sum = 0;
  let found = 0;
  for (const id of line.plus) {
    const value = of(id);
    if (Number.isNaN(value)) continue;
    sum += value;
    found += 1;
  }
  if (found === 0) return NaN;
  for (const id of line.minus ?? []) sum -= of(id);
  if (line.minus) sum = Math.max(0, sum);
  if (line.over) {
    let total = 0;
    for (const id of line.over) total += of(id);
    // Nothing happened in nothing: no share rather than none.
    return total > 0 ? sum / total : total === 0 && sum === 0 ? 0 : NaN;
  }
  return sum;
}

/** All series that a line depends on. */
export function lineSeries(line: Line): number[] {
  return [...line.plus, ...(line.minus ?? []), ...(line.over ?? [])];
}

/** The class of a line's sign in legend and tooltip. */
export function swatch(line: Line): string {
  return { limit: 'sw d', bar: 'sw sq', stack: 'sw', line: 'sw', event: 'sw' }[line.role];
}

/** Whether the chart is made of bars, each of which stands for a whole step. */
export function isBars(spec: ChartSpec): boolean {
  return spec.lines.some((line) => line.role === 'bar');
}

export type Matcher = (metric: string, attributes?: Record<string, string | readonly string[]>) => number[];

/** Finds series by metric and attributes; a list of values means any of them. */
export function matcher(series: readonly SeriesRow[]): Matcher {
  return (metric, attributes = {}) =>
    series
      .filter(
        (s) =>
          s.metric === metric &&
          Object.entries(attributes).every(([key, want]) => {
            const value = s.attributes[key] ?? '';
            return typeof want === 'string' ? value === want : want.includes(value);
          }),
      )
      .map((s) => s.id);
}
