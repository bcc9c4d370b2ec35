// Performance: how long transactions take, which are the slowest, and how many fail. From Sentry, else from what Farol
// itself measured of requests.

import { useMemo } from 'preact/hooks';

import { configured, type IntegrationsAnswer, type SentryPerformance } from '../api/outside';
import { outside } from '../api/outside-client';
import type { ChartSpec } from '../chart/spec';
import { axisMillis, millis, num, pct } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import { now } from '../live/feed';
import { OutsideCard } from '../outside/card';
import { LazyChart } from '../chart/lazy';
import {
  EVERY,
  HOUR_STEP_MS,
  lastHour,
  meanColumn,
  onGrid,
  ownRequests,
  resourceOf,
  useHour,
  useStable,
} from '../outside/source';
import { kindTitle } from '../outside/states';
import { chartData, column, line, type ChartData, type Column } from '../requests/charts';
import { failing, slowness } from '../requests/figures';
import { Failed } from '../ui/card';
import { Endpoint } from '../ui/http';
import { Empty, Skeleton } from '../ui/parts';
import { sentryConnect } from './code-health';

const SHOWN = 5;
/** The limit is drawn once something comes near it. */
const LIMIT_MS = 500;
const NEAR = 0.6;
const HEIGHT = 166;

interface Row {
  method: string | null;
  name: string;
  mean_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

interface Figures {
  mean_ms: number | null;
  failure_ratio: number | null;
  errors_5xx: number | null;
  isSampled: boolean;
}

function spec(isLimited: boolean): ChartSpec {
  const m = t.value;
  const lines = [line(1, 'mean', m.mean, '--o1', 'line'), { ...line(2, 'p95', 'P95', '--o2', 'line'), isFilled: true }];
  return {
    key: 'q-latency',
    title: m.latency,
    metrics: [],
    lines: isLimited ? [...lines, line(3, 'limit', m.lineLimit, '--warn', 'limit')] : lines,
    axis: axisMillis,
    value: millis,
    atLeast: 10,
    height: HEIGHT,
    isStill: true,
  };
}

/** Mean and 95th percentile as a chart reads them. */
function lines(mean: Column, p95: Column, span: { from: number; to: number }): { data: ChartData; isLimited: boolean } {
  const isLimited = [...mean.values(), ...p95.values()].some((value) => value > LIMIT_MS * NEAR);
  const limit = new Map<number, number>();
  const start = Math.floor(span.from / HOUR_STEP_MS) * HOUR_STEP_MS;
  if (isLimited) for (let time = start; time <= span.to; time += HOUR_STEP_MS) limit.set(time, LIMIT_MS);
  return { data: chartData([mean, p95, limit], span, HOUR_STEP_MS, false), isLimited };
}

function Facts({ figures }: { figures: Figures }) {
  const m = t.value;
  const ratio = figures.failure_ratio;
  return (
    <p class="facts sub tn">
      <span>
        {m.mean} <b>{figures.mean_ms === null ? m.none : millis(figures.mean_ms)}</b>
      </span>
      <span>
        {m.failureRatio} <b class={failing(ratio)}>{ratio === null ? m.none : pct(ratio, 2)}</b>
      </span>
      <span>
        5xx <b>{figures.errors_5xx === null ? m.none : num(figures.errors_5xx)}</b>
      </span>
      {figures.isSampled && <span class="faint">{m.sampledNote}</span>}
    </p>
  );
}

function Time({ ms, class: extra = '' }: { ms: number | null; class?: string }) {
  return <td class={`n ${extra}`}>{ms === null ? t.value.none : millis(ms)}</td>;
}

function Table({ rows }: { rows: readonly Row[] }) {
  const m = t.value;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.slowestTransactions)}>
      <table class="tbl tight end">
        <thead>
          <tr>
            <th scope="col">{m.slowestTransactions}</th>
            <th scope="col" class="n m-hide">
              {m.mean}
            </th>
            <th scope="col" class="n">
              P95
            </th>
            <th scope="col" class="n">
              P99
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.method ?? ''} ${row.name}`}>
              <td class="ell max">
                {row.method === null ? (
                  <span class="mono">{row.name}</span>
                ) : (
                  <Endpoint method={row.method} route={row.name} />
                )}
              </td>
              <Time ms={row.mean_ms} class="m-hide" />
              <Time ms={row.p95_ms} class={slowness(row.p95_ms)} />
              <Time ms={row.p99_ms} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface BodyProps {
  figures: Figures;
  rows: readonly Row[];
  mean: Column;
  p95: Column;
  span: { from: number; to: number };
}

function Body({ figures, rows, mean, p95, span }: BodyProps) {
  const m = t.value;
  const { data, isLimited } = useMemo(() => lines(mean, p95, span), [mean, p95, span.from, span.to]);
  const drawn = useMemo(() => spec(isLimited), [isLimited, lang.value]);
  return (
    <>
      <div class="pad-x">
        <Facts figures={figures} />
        <LazyChart isBare spec={drawn} data={data} failure={null} onRetry={() => undefined} />
      </div>
      {rows.length === 0 ? <p class="pad sub">{m.noTransactions}</p> : <Table rows={rows} />}
    </>
  );
}

/** What Farol measured itself, for those without Sentry. */
function OwnPerformance() {
  const m = t.value;
  const { data, failure, retry } = useAnswer('own requests', EVERY.line, ownRequests);
  const parts = useMemo(() => {
    if (data === null) return null;
    const { points } = data.latency;
    return {
      mean: column(points, HOUR_STEP_MS, (row) => row.mean_ms),
      p95: column(points, HOUR_STEP_MS, (row) => row.p95_ms),
      rows: data.endpoints
        .map((row) => ({ ...row, name: row.route }))
        .sort((a, b) => (b.p95_ms ?? -1) - (a.p95_ms ?? -1))
        .slice(0, SHOWN),
    };
  }, [data]);
  if (data === null || parts === null) {
    return failure === null ? (
      <div class="pad">
        <Skeleton height={330} />
      </div>
    ) : (
      <Failed text={failure} onRetry={retry} />
    );
  }
  const { total, statuses } = data.latency;
  if (total.count === 0) return <Empty icon="pulse" title={m.noTransactions} text={m.noTransactionsText} />;
  const figures = {
    mean_ms: total.mean_ms,
    failure_ratio: total.error_ratio,
    errors_5xx: statuses.filter(({ status }) => status >= 500).reduce((sum, { count }) => sum + count, 0),
    isSampled: false,
  };
  return <Body figures={figures} span={data} {...parts} />;
}

function SentryBody({ data, resources }: { data: Partial<SentryPerformance>; resources: readonly number[] }) {
  const hour = useHour(['sentry.transaction.duration'], resources).data;
  const parts = useMemo(() => {
    const statistic = (name: string) =>
      meanColumn((hour?.series ?? []).filter((one) => one.attributes['farol.statistic'] === name));
    // The metric is in seconds.
    const inMs = (values: Column): Column => new Map([...values].map(([time, value]) => [time, value * 1000]));
    const stored = inMs(statistic('mean'));
    const told = onGrid(data.latency ?? [], HOUR_STEP_MS);
    return { mean: told.size > 0 ? told : stored, p95: inMs(statistic('p95')) };
  }, [hour, data.latency]);
  const minute = Math.floor(now.value / HOUR_STEP_MS);
  const span = useMemo(() => hour ?? lastHour(), [hour, minute]);
  const figures = {
    mean_ms: data.mean_ms ?? null,
    failure_ratio: data.failure_ratio ?? null,
    errors_5xx: data.errors_5xx ?? null,
    isSampled: data.sampled === true,
  };
  const rows = (data.transactions ?? []).slice(0, SHOWN).map((row) => ({ ...row, name: row.transaction }));
  return <Body figures={figures} rows={rows} span={span} {...parts} />;
}

export function Performance({ integrations }: { integrations: IntegrationsAnswer | null }) {
  const m = t.value;
  const answer = useAnswer('performance', EVERY.snapshot, (signal) => outside.performance(null, signal));
  const name = configured(answer.data)?.instance ?? '';
  const resources = useStable(resourceOf(integrations, 'sentry', name));
  return (
    <OutsideCard
      id="q-performance"
      title={m.performance}
      connect={sentryConnect()}
      answer={answer}
      height={400}
      isFlush
      source={({ kind }) => `${kindTitle(kind)} APM`}
      fallback={<OwnPerformance />}
      fallbackSource={m.ownRequests}
    >
      {(data) => <SentryBody data={data} resources={resources} />}
    </OutsideCard>
  );
}
