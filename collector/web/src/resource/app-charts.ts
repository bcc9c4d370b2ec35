// Charts of metrics that an application made up: one chart a metric, one line a series, in the unit that it tells.

import type { SeriesRow } from '../api/types';
import type { ChartSpec, Line } from '../chart/spec';
import { derivedLabel } from '../events/derived';
import { axisBytes, axisMillis, axisNumber, bytes, millis, num, pct, rate, short } from '../i18n/format';

/** Metrics that Farol itself makes: those with charts of their own, and what is not for charts. */
const KNOWN = [
  'system.',
  'container.',
  'process.',
  'farol.agent.',
  'farol.collector.',
  'farol.service.',
  'farol.events',
  'farol.check.',
];
/** Series of a service that the collector makes. */
const OF_REQUESTS = 'http.server.request.';

const COLORS = ['--s1', '--s2', '--s3', '--s4', '--s5', '--s6', '--s7', '--s8'] as const;

/** Whether a metric is the application's own. */
export function isOwn(metric: string, ofService: boolean): boolean {
  if (ofService && metric.startsWith(OF_REQUESTS)) return false;
  return !KNOWN.some((prefix) => metric.startsWith(prefix));
}

/** What tells a series from the others of its metric. */
export function seriesLabel(row: SeriesRow, all: readonly SeriesRow[]): string {
  const telling = Object.entries(row.attributes).filter(([key, value]) =>
    all.some((other) => other.attributes[key] !== value),
  );
  const parts = (telling.length > 0 ? telling : Object.entries(row.attributes)).map(([, value]) => value);
  return parts.filter((part) => part !== '').join(' · ') || row.metric;
}

type Writing = Pick<ChartSpec, 'axis' | 'value' | 'base'>;

/** How values of a unit are written. A counter is shown as its rate. */
export function writing(unit: string, isRate: boolean): Writing {
  if (unit === 'By') {
    return isRate
      ? { axis: (v, step, top) => (v === 0 ? '0' : `${axisBytes(v, step, top)}/s`), value: rate, base: 2 }
      : { axis: axisBytes, value: bytes, base: 2 };
  }
  const toMs = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 }[unit];
  if (toMs !== undefined && !isRate) {
    return {
      axis: (v, step, top) => axisMillis(v * toMs, step * toMs, top * toMs),
      value: (v) => millis(v * toMs),
    };
  }
  if (unit === '%') return { axis: (v) => pct(v / 100, 0), value: (v) => pct(v / 100) };
  return { axis: axisNumber, value: (v) => (Number.isInteger(v) ? num(v) : short(v)) };
}

/** The words of a unit: "{order}" is "order". */
export function unitWord(unit: string, isRate: boolean): string {
  const plain = unit.replace(/[{}]/g, '');
  // These are written beside each value, except where they are told as a rate.
  const isWritten = plain === '1' || plain === 'By' || ((plain === 's' || plain === 'ms') && !isRate);
  const base = isWritten ? '' : plain;
  if (!isRate) return base;
  return plain === 'By' ? '' : `${base}/s`;
}

/** One chart a metric, by name. Beyond eight lines the first ones stand for all, and the chart says how many there are. */
export function appCharts(series: readonly SeriesRow[], ofService: boolean, more: (n: string) => string): ChartSpec[] {
  const byMetric = new Map<string, SeriesRow[]>();
  for (const row of series) {
    if (!isOwn(row.metric, ofService)) continue;
    const list = byMetric.get(row.metric);
    if (list) list.push(row);
    else byMetric.set(row.metric, [row]);
  }
  return [...byMetric.entries()]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([metric, rows]) => {
      const labels = rows.map((row) => ({ row, label: seriesLabel(row, rows) }));
      labels.sort((a, b) => a.label.localeCompare(b.label) || a.row.id - b.row.id);
      const isRate = rows[0]?.kind === 'counter';
      const unit = rows[0]?.unit ?? '';
      const drawn = labels.slice(0, COLORS.length).map(({ row, label }, i): Line => ({
        key: String(row.id),
        label,
        color: COLORS[i] ?? '--s8',
        plus: [row.id],
        role: 'line',
        isFilled: rows.length === 1,
      }));
      const hidden = rows.length - drawn.length;
      const note = [unitWord(unit, isRate), hidden > 0 ? more(num(hidden)) : ''].filter(Boolean).join(' · ');
      return {
        key: `app-${metric}`,
        title: metric.startsWith('farol.') ? derivedLabel(metric) : metric,
        ...(note === '' ? {} : { note }),
        metrics: [metric],
        lines: drawn,
        ...writing(unit, isRate),
      };
    });
}
