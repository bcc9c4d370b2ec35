// The figures of all requests on the page, each with its change against yesterday.

import type { ComponentProps } from 'preact';
import { useEffect } from 'preact/hooks';

import type { LatencyAnswer } from '../api/types';
import { millisParts, num, pct, pctNumber, short } from '../i18n/format';
import { t } from '../i18n/index';
import { changeOf, want, type PICKS } from '../live/compare';
import { now } from '../live/feed';
import { service, services, tenant } from '../state/scope';
import { ChangeMark } from '../ui/change';
import { Kpi } from '../ui/kpi';

/** Warning and critical, as the design sets them. */
const SLOW_MS = [500, 1_000] as const;
const FAILING = [0.05, 0.1] as const;

type Level = '' | 'warn' | 'crit';

function over(value: number | null, [warning, critical]: readonly [number, number]): Level {
  if (value === null || value <= warning) return '';
  return value > critical ? 'crit' : 'warn';
}

/** The class of a 95th percentile. */
export function slowness(ms: number | null): Level {
  return over(ms, SLOW_MS);
}

/** The class of a share of failed requests. */
export function failing(ratio: number | null): Level {
  return over(ratio, FAILING);
}

/** Requests a second over the part of a stretch that has any: a young service is not slow for being young. */
export function meanRate(answer: LatencyAnswer): number {
  const first = answer.points[0]?.time ?? answer.from;
  const seconds = (answer.to - Math.max(answer.from, first)) / 1000;
  return seconds > 0 ? answer.total.count / seconds : 0;
}

type Compared = Omit<ComponentProps<typeof Kpi>, 'note'> & { note: string; figure: keyof typeof PICKS };

/** A figure with its change against yesterday in place of the note, where that is known. */
function ComparedKpi({ figure, note, ...rest }: Compared) {
  const change = changeOf(comparable(), figure).value;
  return <Kpi {...rest} note={change === null ? note : <ChangeMark change={change} />} />;
}

/** The one service whose days are compared; percentiles of several cannot be added up. */
function comparable(): number[] {
  if (tenant.value !== null) return [];
  if (service.value !== null) return [service.value];
  const all = services.value;
  return all.length === 1 && all[0] ? [all[0].id] : [];
}

export function Figures({ answer }: { answer: LatencyAnswer }) {
  const m = t.value;
  const { total } = answer;
  const ids = comparable();
  const minute = Math.floor(now.value / 60_000);
  useEffect(() => want(ids), [ids.join(), minute]);
  const time = (ms: number | null) => {
    const [value, unit] = ms === null ? [m.none, ''] : millisParts(ms);
    return { value, unit };
  };
  return (
    <div class="kpis flat">
      <ComparedKpi
        label={m.requests}
        value={short(meanRate(answer))}
        unit="/s"
        note={m.countRequests(num(total.count))}
        figure="rate"
      />
      <ComparedKpi
        label={m.errorRatio}
        value={total.error_ratio === null ? m.none : pctNumber(total.error_ratio)}
        unit={total.error_ratio === null ? '' : '%'}
        note={m.countFailed(num(total.failed))}
        state={failing(total.error_ratio)}
        figure="errors"
      />
      <ComparedKpi label="P50" {...time(total.p50_ms)} note={m.halfFaster} figure="p50" />
      <ComparedKpi
        label="P95"
        {...time(total.p95_ms)}
        note={m.ofFaster(pct(0.95, 0))}
        state={slowness(total.p95_ms)}
        figure="p95"
      />
      <ComparedKpi label="P99" {...time(total.p99_ms)} note={m.ofFaster(pct(0.99, 0))} figure="p99" />
      <ComparedKpi
        label="Apdex"
        value={total.apdex === null ? m.none : num(total.apdex, 2)}
        note={m.apdexNote}
        figure="apdex"
      />
    </div>
  );
}
