// The answer to a widget's question as rows: what each is called, its newest value, and the one value of a figure.

import type { Across, Aggregate } from '../api/boards';
import type { Point, QueryAnswer } from '../api/types';
import { isShare } from './units';

export interface Row {
  key: string;
  label: string;
  metric: string;
  resource: number;
  unit: string;
  attributes: Record<string, string>;
  points: readonly Point[];
  /** The newest value. */
  last: number | null;
  /** Of a figure that the collector counts: the whole period's. */
  total: number | null;
}

export type Series = QueryAnswer['series'][number] & { total?: number | null };

function newest(points: readonly Point[]): number | null {
  for (let i = points.length - 1; i >= 0; i -= 1) {
    const value = points[i]?.[1];
    if (typeof value === 'number') return value;
  }
  return null;
}

/** What tells the series of an answer apart: the metric, the resource, attributes; the metric where nothing does. */
export function rowsOf(series: readonly Series[], nameOf: (resource: number) => string): Row[] {
  const first = series[0];
  const isVaried = (pick: (one: Series) => string | number) =>
    first !== undefined && series.some((one) => pick(one) !== pick(first));
  const byMetric = isVaried((one) => one.metric);
  const byResource = isVaried((one) => one.resource);
  const keys = [...new Set(series.flatMap((one) => Object.keys(one.attributes)))].filter((key) =>
    isVaried((one) => one.attributes[key] ?? ''),
  );
  return series.map((one) => {
    const parts = [
      ...(byMetric ? [one.metric] : []),
      ...(byResource && one.resource !== 0 ? [nameOf(one.resource)] : []),
      ...keys.map((key) => one.attributes[key] ?? ''),
    ].filter((part) => part !== '');
    return {
      key: `${one.metric}|${one.resource}|${one.id}|${keys.map((key) => one.attributes[key] ?? '').join('|')}`,
      label: parts.length > 0 ? parts.join(' · ') : one.metric,
      metric: one.metric,
      resource: one.resource,
      unit: one.unit,
      attributes: one.attributes,
      points: one.points,
      last: newest(one.points),
      total: one.total ?? null,
    };
  });
}

/** At most so many, the largest first to stay; in the order that they came. */
export function largest(rows: readonly Row[], most: number): Row[] {
  if (rows.length <= most) return [...rows];
  const ranked = [...rows].sort((a, b) => Math.abs(b.last ?? 0) - Math.abs(a.last ?? 0)).slice(0, most);
  const kept = new Set(ranked);
  return rows.filter((row) => kept.has(row));
}

/** Several series as one: added up, or their mean where they are shares of a whole. */
export function together(rows: readonly Row[], across: Across | undefined): Point[] {
  const first = rows[0];
  if (!first) return [];
  if (rows.length === 1) return [...first.points];
  const usual = first.unit === '%' || isShare(first.unit, first.metric) ? 'mean' : 'sum';
  const how = across === undefined || across === 'none' ? usual : across;
  const values = new Map<number, number[]>();
  for (const row of rows) {
    for (const [time, value] of row.points) {
      if (value === null) continue;
      const list = values.get(time);
      if (list) list.push(value);
      else values.set(time, [value]);
    }
  }
  const merge = (list: readonly number[]) => {
    if (how === 'max') return Math.max(...list);
    const sum = list.reduce((a, b) => a + b, 0);
    return how === 'mean' ? sum / list.length : sum;
  };
  return [...values].sort(([a], [b]) => a - b).map(([time, list]) => [time, merge(list)]);
}

/** The one value that stands for a stretch of time: what was counted is added up, else the newest counts. */
export function figureOf(points: readonly Point[], aggregate: Aggregate | undefined): number | null {
  const values = points.flatMap(([, value]) => (value === null ? [] : [value]));
  if (values.length === 0) return null;
  switch (aggregate) {
    case 'increase':
    case 'sum':
    case 'count':
      return values.reduce((a, b) => a + b, 0);
    case 'min':
      return Math.min(...values);
    case 'max':
      return Math.max(...values);
    case 'mean':
      return values.reduce((a, b) => a + b, 0) / values.length;
    default:
      return values.at(-1) ?? null;
  }
}
