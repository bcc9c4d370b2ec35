// The very series that a rule judges, out of stored ones: those that its words fit, added up, by those that it divides by.

import type { Alert, Cause, Rule, SeriesCondition } from '../api/alerts';
import type { Point, QueryAnswer } from '../api/types';
import { pickLine, type PickedData } from '../chart/pick';
import type { ChartSpec, Line } from '../chart/spec';
import { alertUnit, amount, writing } from './amount';
import { ruleName } from './names';
import { a } from './words';

/** Whether attributes are as `key=value`, `key=one|other` or `key!=value` says. */
export function fits(attributes: Record<string, string>, words: readonly string[]): boolean {
  return words.every((word) => {
    const cut = word.indexOf('=');
    if (cut < 1) return true;
    const isNot = word[cut - 1] === '!';
    const key = word.slice(0, isNot ? cut - 1 : cut);
    const wanted = word.slice(cut + 1).split('|');
    return wanted.includes(attributes[key] ?? '') !== isNot;
  });
}

type Found = QueryAnswer['series'][number];

function sums(series: readonly Found[]): Map<number, number> {
  const found = new Map<number, number>();
  for (const { points } of series) {
    for (const [time, value] of points) if (value !== null) found.set(time, (found.get(time) ?? 0) + value);
  }
  return found;
}

/** Those of one alert: its attributes are part of theirs. */
function ofAlert(series: Found, alert: Pick<Alert, 'attributes'>): boolean {
  return Object.entries(alert.attributes).every(([key, value]) => (series.attributes[key] ?? value) === value);
}

export interface Judged {
  metrics: readonly string[];
  /** Whether what is drawn is what is judged: then the limits belong into the picture. */
  isDirect: boolean;
  of: (answer: QueryAnswer) => Point[];
}

const DIRECT = ['mean', 'max', 'min', 'last', 'sum', 'quantile', 'rate', 'increase'];

/** What an alert's chart draws; null where it is about no series. */
export function judged(alert: Alert, rule: Rule | null): Judged | null {
  const one = rule?.condition;
  if (one !== undefined && one.type !== 'series') return null;
  const condition: SeriesCondition = one ?? {
    type: 'series',
    metric: alert.metric,
    aggregate: 'mean',
    window_s: 60,
  };
  if (['events', 'logs', 'silence'].includes(condition.metric)) return null;
  const { metric, divided_by: divisor, attributes = [], aggregate, window_s: window, against = 'nothing' } = condition;
  return {
    metrics: divisor ? [metric, divisor.metric] : [metric],
    isDirect: DIRECT.includes(aggregate) && against === 'nothing',
    of: (answer) => {
      const mine = answer.series.filter((series) => ofAlert(series, alert));
      const upper = sums(mine.filter((series) => series.metric === metric && fits(series.attributes, attributes)));
      // A query tells a counter's rate; its increase is that over the window.
      const scale = aggregate === 'increase' ? window : 1;
      if (!divisor) return ordered(upper, (value) => value * scale);
      const lower = sums(
        mine.filter((series) => series.metric === divisor.metric && fits(series.attributes, divisor.attributes ?? [])),
      );
      // A limit is told seldom: it holds until the next.
      let last = NaN;
      const whole = new Map(
        [...upper.keys()].sort((x, z) => x - z).map((time) => [time, (last = lower.get(time) ?? last)]),
      );
      return ordered(upper, (value, time) => value / (whole.get(time) ?? NaN));
    },
  };
}

function ordered(values: ReadonlyMap<number, number>, of: (value: number, time: number) => number): Point[] {
  return [...values]
    .map(([time, value]): Point => [time, of(value, time)])
    .filter(([, value]) => Number.isFinite(value))
    .sort(([x], [z]) => x - z);
}

/** The value with its limits, as lines of one chart. */
export function judgedSpec(alert: Alert, limits: Limits, height: number): ChartSpec {
  const unit = alertUnit(alert.unit, alert.metric);
  return limitedSpec(`alert-${alert.id}`, ruleName(alert.name), alert.metric, unit, limits, height);
}

export interface Limits {
  warning: number | undefined;
  critical: number | undefined;
}

/** A line with dashed limits: 1 is the value, 2 and 3 are what it may not pass. */
export function limitedSpec(
  key: string,
  title: string,
  label: string,
  unit: string,
  limits: Limits,
  height: number,
): ChartSpec {
  const m = a.peek();
  const limit = (
    id: number,
    name: string,
    color: string,
    value: number | undefined,
    mark: (v: string) => string,
  ): Line[] =>
    value === undefined ? [] : [pickLine(id, name, name, color, { role: 'limit', mark: mark(amount(value, unit)) })];
  return {
    key,
    title,
    metrics: [],
    lines: [
      pickLine(1, 'value', label, '--s1', { isFilled: true }),
      ...limit(2, m.warning, '--warn', limits.warning, m.limitWarning),
      ...limit(3, m.critical, '--crit', limits.critical, m.limitCritical),
    ],
    ...writing(unit),
    atLeast: Math.max(limits.warning ?? 0, limits.critical ?? 0),
    height,
  };
}

/** The points of `limitedSpec`. */
export function limitedData(
  points: readonly Point[],
  limits: Limits,
  { from, to, step }: { from: number; to: number; step: number },
): PickedData {
  const flat = (value: number | undefined): Point[] => {
    const found: Point[] = [];
    if (value !== undefined) for (let time = from; time <= to; time += step) found.push([time, value]);
    return found;
  };
  const series = [points, flat(limits.warning), flat(limits.critical)].map((list, i) => ({
    id: i + 1,
    resource: 0,
    metric: '',
    unit: '',
    attributes: {},
    points: [...list],
  }));
  return { answer: { from, to, step, tier: '', series }, stretch: { from, to, step, isLive: false } };
}

/** The number of the line of a deployment. */
const DEPLOY_LINE = 4;

/** A deployment as a mark in time, called by its version. */
export function deployLine({ what }: Pick<Cause, 'what'>): Line {
  const mark = what === '' ? 'deploy' : what;
  return pickLine(DEPLOY_LINE, 'deploy', mark, '--s1', { role: 'event', mark });
}

/** The points of `limitedData`, and when the deployment was. */
export function withDeploy({ answer, stretch }: PickedData, { at_ms: at }: Pick<Cause, 'at_ms'>): PickedData {
  const time = stretch.from + Math.round((at - stretch.from) / stretch.step) * stretch.step;
  const points: Point[] = time < stretch.from || time > stretch.to ? [] : [[time, 1]];
  const series = { id: DEPLOY_LINE, resource: 0, metric: '', unit: '', attributes: {}, points };
  return { answer: { ...answer, series: [...answer.series, series] }, stretch };
}
