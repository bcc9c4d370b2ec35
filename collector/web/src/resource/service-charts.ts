// Charts of a service: latency, requests, errors, logs by level, events by type.

import type { SeriesRow } from '../api/types';
import { matcher, type ChartSpec, type Line } from '../chart/spec';
import { axisMillis, axisNumber, millis, num, pct, short } from '../i18n/format';
import { t } from '../i18n/index';

const STATISTIC = 'farol.statistic';
const LEVEL = 'farol.level';
const TYPE = 'farol.event.type';
const COLORS = ['--s1', '--s2', '--s3', '--s4', '--s5', '--s6', '--s7'] as const;

function lines(...parts: (Line | null)[]): Line[] {
  return parts.filter((part): part is Line => part !== null);
}

function one(key: string, label: string, color: string, plus: number[], more: Partial<Line> = {}): Line | null {
  return plus.length === 0 ? null : { key, label, color, plus, role: 'line', ...more };
}

function chart(spec: ChartSpec): ChartSpec[] {
  return spec.lines.length > 0 ? [spec] : [];
}

/** Whether the collector made requests of this service's series: an application may use the same names otherwise. */
export function hasRequests(series: readonly SeriesRow[]): boolean {
  return series.some((row) => row.metric === 'http.server.request.rate');
}

export function serviceCharts(series: readonly SeriesRow[]): ChartSpec[] {
  const m = t.value;
  const find = matcher(series);
  const ofRequests = hasRequests(series);
  const statistic = (name: string) => (ofRequests ? find('http.server.request.duration', { [STATISTIC]: name }) : []);
  const level = (name: string) => find('farol.service.log.records', { [LEVEL]: name });
  const types = [
    ...new Set(series.filter((row) => row.metric === 'farol.events').map((row) => row.attributes[TYPE] ?? '')),
  ].sort();
  const seconds = {
    axis: (value: number, step: number, top: number) => axisMillis(value * 1000, step * 1000, top * 1000),
    value: (value: number) => millis(value * 1000),
  };
  return [
    ...chart({
      key: 'latency',
      title: m.latency,
      note: m.overMinute,
      metrics: ['http.server.request.duration'],
      lines: lines(
        one('p50', 'P50', '--o1', statistic('p50')),
        one('p95', 'P95', '--o2', statistic('p95')),
        one('p99', 'P99', '--o3', statistic('p99')),
        one('mean', m.mean, '--s8', statistic('mean')),
      ),
      ...seconds,
    }),
    ...chart({
      key: 'rate',
      title: m.requests,
      note: m.perSecond,
      metrics: ['http.server.request.rate'],
      lines: lines(one('rate', m.requests, '--s1', find('http.server.request.rate'), { isFilled: true })),
      axis: axisNumber,
      value: short,
      atLeast: 1,
    }),
    ...chart({
      key: 'errors',
      title: m.errorRatio,
      note: m.ofRequests,
      metrics: ['http.server.request.error_ratio'],
      lines: lines(
        one('errors', m.failedOnes, '--crit-mark', find('http.server.request.error_ratio'), { isFilled: true }),
      ),
      axis: (value) => pct(value, 0),
      value: (value) => pct(value),
      atLeast: 0.05,
    }),
    ...chart({
      key: 'apdex',
      title: 'Apdex',
      note: m.apdexNote,
      metrics: ['http.server.request.apdex'],
      lines: lines(one('apdex', 'Apdex', '--s3', find('http.server.request.apdex'))),
      axis: axisNumber,
      value: (value) => num(value, 2),
      atLeast: 1,
    }),
    ...chart({
      key: 'log-levels',
      title: m.logsByLevel,
      note: m.perSecond,
      metrics: ['farol.service.log.records'],
      lines: lines(
        one('fatal', m.levelFatal, '--crit-mark', level('fatal')),
        one('error', m.levelError, '--s2', level('error')),
        one('warn', m.levelWarn, '--s5', level('warn')),
        one('info', 'info', '--s1', level('info')),
        one('debug', 'debug', '--s8', [...level('debug'), ...level('trace')]),
      ),
      axis: axisNumber,
      value: short,
    }),
    ...chart({
      key: 'event-types',
      title: m.events,
      note: m.perSecond,
      metrics: ['farol.events'],
      lines: lines(
        ...types
          .slice(0, COLORS.length)
          .map((type, i) => one(type, type, COLORS[i] ?? '--s8', find('farol.events', { [TYPE]: type }))),
        one('others', m.lineOthers, '--s8', find('farol.events', { [TYPE]: types.slice(COLORS.length) })),
      ),
      axis: axisNumber,
      value: short,
    }),
  ];
}
