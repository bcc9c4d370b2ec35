// How many events of each type there were over time, from the counters of the services.

import { useMemo } from 'preact/hooks';

import { api } from '../api/client';
import type { QueryAnswer } from '../api/types';
import { DataChart } from '../chart/chart';
import type { ChartSpec } from '../chart/spec';
import { axisNumber, num } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { barStep, chartData, line } from '../requests/charts';
import { service, services, shown } from '../state/scope';
import { types } from './feed';

const METRIC = 'farol.events';
const TYPE = 'farol.event.type';
/** So many kinds can be told apart by colour; the others are one. */
const COLORS = ['--s1', '--s2', '--s3', '--s4', '--s5', '--s6', '--s7'] as const;
/** Counters of a service are told every second; bars finer than this say nothing more. */
const FINEST_MS = 5_000;

/** Sums by type and time, the most frequent type first. */
export function byType(answer: QueryAnswer): { type: string; points: Map<number, number>; sum: number }[] {
  const found = new Map<string, { type: string; points: Map<number, number>; sum: number }>();
  for (const series of answer.series) {
    const type = series.attributes[TYPE] ?? '';
    const entry = found.get(type) ?? { type, points: new Map<number, number>(), sum: 0 };
    found.set(type, entry);
    for (const [time, value] of series.points) {
      if (value === null) continue;
      const at = Math.floor(time / answer.step) * answer.step;
      entry.points.set(at, (entry.points.get(at) ?? 0) + value);
      entry.sum += value;
    }
  }
  return [...found.values()].sort((a, b) => b.sum - a.sum || a.type.localeCompare(b.type));
}

function spec(names: readonly string[], others: number): ChartSpec {
  const m = t.value;
  return {
    key: 'events-over-time',
    title: m.eventsOverTime,
    metrics: [],
    lines: [
      ...names.map((name, i) => line(i + 1, name, name, COLORS[i] ?? '--s8', 'bar')),
      ...(others > 0 ? [line(names.length + 1, 'others', m.lineOthers, '--s8', 'bar')] : []),
    ],
    axis: axisNumber,
    value: (value) => num(Math.round(value)),
    atLeast: 5,
    height: 110,
  };
}

export function EventsChart() {
  const step = barStep(shown.value.ms, FINEST_MS);
  const ids = services.value.map((one) => one.id);
  const wanted = service.value === null ? ids : [service.value];
  const key = `${shown.value.key} ${wanted.join()} ${step}`;
  const answer = useAnswer(key, shown.value.every, async (signal) => {
    const span = shown.peek().at(clock.now());
    const query = { metrics: [METRIC], resources: wanted, ...span, step, aggregate: 'increase' as const };
    return { span, query: await api.query(query, signal) };
  });
  const { data } = answer;
  const chosen = types.value.join();
  const rows = useMemo(() => {
    const all = data ? byType(data.query) : [];
    return chosen === '' ? all : all.filter((row) => chosen.split(',').includes(row.type));
  }, [data, chosen]);
  const names = rows.slice(0, COLORS.length).map((row) => row.type);
  const others = rows.slice(COLORS.length);
  const chart = useMemo(() => spec(names, others.length), [names.join(), others.length > 0, lang.value]);
  const bars = useMemo(() => {
    if (!data) return null;
    const rest = new Map<number, number>();
    for (const { points } of others) for (const [at, value] of points) rest.set(at, (rest.get(at) ?? 0) + value);
    const columns = [...rows.slice(0, COLORS.length).map((row) => row.points), ...(others.length > 0 ? [rest] : [])];
    return chartData(columns, data.span, data.query.step || step, true);
  }, [data, chart]);
  if (data && rows.length === 0) return null;
  return <DataChart spec={chart} data={bars} failure={answer.failure} onRetry={answer.retry} />;
}
