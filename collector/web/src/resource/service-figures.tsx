// The key figures of a service, over its last minute: rate, errors, percentiles, Apdex, against yesterday.

import { useEffect } from 'preact/hooks';

import { api } from '../api/client';
import { millisParts, num, pctNumber, short } from '../i18n/format';
import { matcher } from '../chart/spec';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { changeOf, want, type PICKS } from '../live/compare';
import { linkState, now } from '../live/feed';
import type { Resource } from '../live/fleet';
import { failing, slowness } from '../requests/figures';
import { ChangeMark } from '../ui/change';
import type { ResourceSource } from './source';

const POLL_MS = 5_000;
const METRICS = ['http.server.request.duration', 'http.server.request.apdex'];

interface KpiProps {
  id: number;
  label: string;
  value: string;
  unit?: string;
  state?: string;
  figure: keyof typeof PICKS;
}

function Kpi({ id, label, value, unit = '', state = '', figure }: KpiProps) {
  const change = changeOf([id], figure).value;
  return (
    <div class="kpi">
      <div class="row sub">{label}</div>
      <div class={`stat-v ${state}`}>
        {value}
        {unit !== '' && <small>{unit}</small>}
      </div>
      <div class="kpi-foot sub tn">{change === null ? t.value.overMinute : <ChangeMark change={change} />}</div>
    </div>
  );
}

export function ServiceFigures({ resource, source }: { resource: Resource; source: ResourceSource }) {
  const m = t.value;
  const { id } = resource;
  const minute = Math.floor(now.value / 60_000);
  useEffect(() => want([id]), [id, minute]);
  void source.tick.value;
  const find = matcher(source.series.value ?? []);
  // Without a socket the values of the last minute stand for now.
  const isPushed = linkState.value === 'open';
  const polled = useAnswer(`${id} ${isPushed}`, isPushed ? null : POLL_MS, async (signal) => {
    if (isPushed) return new Map<number, number>();
    const to = clock.now();
    const query = {
      metrics: METRICS,
      resources: [id],
      from: to - 60_000,
      to,
      step: 60_000,
      aggregate: 'last' as const,
    };
    const { series } = await api.query(query, signal);
    return new Map(series.flatMap((row) => row.points.slice(-1).map(([, value]) => [row.id, value ?? NaN] as const)));
  });
  const newest = (ids: readonly number[]): number | null => {
    const [first = -1] = ids;
    const value = (isPushed ? null : polled.data?.get(first)) ?? source.known.get(first) ?? NaN;
    return Number.isNaN(value) ? null : value;
  };
  const { latest } = resource.live.value;
  const duration = (name: string) => {
    // Without requests in the last minute there is no duration of now.
    const seconds =
      latest.p95 === null ? null : newest(find('http.server.request.duration', { 'farol.statistic': name }));
    return seconds === null ? null : seconds * 1000;
  };
  const time = (ms: number | null) => {
    const [value, unit] = ms === null ? [m.none, ''] : millisParts(ms);
    return { value, unit };
  };
  const p95 = latest.p95 === null ? null : latest.p95 * 1000;
  const apdex = latest.p95 === null ? null : newest(find('http.server.request.apdex'));
  return (
    <div class="kpis">
      <Kpi
        id={id}
        label={m.requests}
        value={latest.request_rate === null ? m.none : short(latest.request_rate)}
        unit={latest.request_rate === null ? '' : '/s'}
        figure="rate"
      />
      <Kpi
        id={id}
        label={m.errorRatio}
        value={latest.error_ratio === null ? m.none : pctNumber(latest.error_ratio)}
        unit={latest.error_ratio === null ? '' : '%'}
        state={failing(latest.error_ratio)}
        figure="errors"
      />
      <Kpi id={id} label="P50" {...time(duration('p50'))} figure="p50" />
      <Kpi id={id} label="P95" {...time(p95)} state={slowness(p95)} figure="p95" />
      <Kpi id={id} label="P99" {...time(duration('p99'))} figure="p99" />
      <Kpi id={id} label="Apdex" value={apdex === null ? m.none : num(apdex, 2)} figure="apdex" />
    </div>
  );
}
