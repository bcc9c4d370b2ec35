// The charts of the page about requests: what they draw, and the answers of the API as their data.

import type { ErrorHours, LatencyAnswer, QueryAnswer } from '../api/types';
import type { Stretch } from '../chart/model';
import type { ChartSpec, Line } from '../chart/spec';
import { axisMillis, axisNumber, millis, num } from '../i18n/format';
import { t } from '../i18n/index';
import { stepFor } from '../time/range';

/** Records are summed up by the minute. */
const MINUTE = 60_000;
/** Points of the latency chart, and bars of a bar chart: more cannot be told apart. */
const POINTS = 240;
const BARS = 60;

/** The step of the latency chart over a stretch of time. */
export function latencyStep(ms: number): number {
  return stepFor(ms, POINTS, MINUTE);
}

/** The step of a bar chart over a stretch of time; `finest` is what the data is kept at. */
export function barStep(ms: number, finest = MINUTE): number {
  return stepFor(ms, BARS, finest);
}

export interface ChartData {
  answer: QueryAnswer;
  stretch: Stretch;
}

/** One column of a chart: its values by time. The place in the list is the number of its series, from 1. */
export type Column = ReadonlyMap<number, number>;

/** Columns of figures as a chart reads them. `isZero`: a step without a figure is none of it, not an unknown. */
export function chartData(
  columns: readonly Column[],
  span: { from: number; to: number },
  step: number,
  isZero: boolean,
): ChartData {
  const from = Math.floor(span.from / step) * step;
  const to = Math.floor(span.to / step) * step;
  const series = columns.map((column, i) => {
    const points: [number, number][] = [];
    for (let time = from; time <= to; time += step) {
      const value = column.get(time) ?? (isZero ? 0 : null);
      if (value !== null) points.push([time, value]);
    }
    return { id: i + 1, resource: 0, metric: '', unit: '', attributes: {}, points };
  });
  return { answer: { from, to, step, tier: '', series }, stretch: { from, to, step, isLive: false } };
}

/** One figure of every row by its time, on the grid of the step. */
export function column<T extends { time: number }>(
  rows: readonly T[],
  step: number,
  of: (row: T) => number | null,
): Column {
  const found = new Map<number, number>();
  for (const row of rows) {
    const value = of(row);
    if (value !== null) found.set(Math.floor(row.time / step) * step, value);
  }
  return found;
}

export function line(id: number, key: string, label: string, color: string, role: Line['role']): Line {
  return { key, label, color, plus: [id], role };
}

export function latencySpec(): ChartSpec {
  const m = t.value;
  return {
    key: 'latency',
    title: m.latency,
    note: m.ofAllRequests,
    metrics: [],
    lines: [
      line(1, 'p50', 'P50', '--o1', 'line'),
      line(2, 'p95', 'P95', '--o2', 'line'),
      line(3, 'p99', 'P99', '--o3', 'line'),
      { ...line(4, 'mean', m.mean, '--s8', 'line') },
    ],
    axis: axisMillis,
    value: millis,
    height: 230,
  };
}

/** A live chart of a young service begins where its requests do, but shows this much at least. */
const YOUNG_MS = 15 * MINUTE;

function drawnSpan(answer: LatencyAnswer, isLive: boolean): { from: number; to: number } {
  const { from, to, points } = answer;
  const first = points[0]?.time ?? from;
  return { from: isLive ? Math.max(from, Math.min(first, to - YOUNG_MS)) : from, to };
}

export function latencyData(answer: LatencyAnswer, isLive: boolean): ChartData {
  const { points, step } = answer;
  const columns = [
    column(points, step, (row) => row.p50_ms),
    column(points, step, (row) => row.p95_ms),
    column(points, step, (row) => row.p99_ms),
    column(points, step, (row) => row.mean_ms),
  ];
  return chartData(columns, drawnSpan(answer, isLive), step, false);
}

export function countSpec(): ChartSpec {
  const m = t.value;
  return {
    key: 'counts',
    title: m.requests,
    metrics: [],
    lines: [line(1, 'failed', m.failedOnes, '--crit-mark', 'bar'), line(2, 'well', m.answered, '--s1', 'bar')],
    axis: axisNumber,
    value: (value) => num(value),
    atLeast: 5,
    height: 230,
  };
}

export function countData(answer: LatencyAnswer, isLive: boolean): ChartData {
  const { points, step } = answer;
  const columns = [column(points, step, (row) => row.failed), column(points, step, (row) => row.count - row.failed)];
  return chartData(columns, drawnSpan(answer, isLive), step, true);
}

export function errorsSpec(isHours: boolean): ChartSpec {
  const m = t.value;
  return {
    key: 'error-hours',
    title: isHours ? m.errorsByHour : m.errorsOverTime,
    metrics: [],
    lines: [
      line(1, 'requests', m.failedRequests, '--crit-mark', 'bar'),
      line(2, 'exceptions', m.exceptions, '--s2', 'bar'),
      line(3, 'logs', m.logErrors, '--s8', 'bar'),
    ],
    axis: axisNumber,
    value: (value) => num(value),
    atLeast: 5,
    height: 150,
  };
}

export function errorsData(answer: ErrorHours, span: { from: number; to: number }): ChartData {
  const { hours, step } = answer;
  const columns = [
    column(hours, step, (row) => row.requests_failed),
    column(hours, step, (row) => row.exceptions),
    column(hours, step, (row) => row.log_errors),
  ];
  return chartData(columns, span, step, true);
}
