// The newest critical logs beside the figures: asked for once, then as they are pushed.

import { useEffect, useMemo } from 'preact/hooks';

import { told } from '../api/client';
import type { LogRow } from '../api/types';
import { b } from '../boards/words';
import { dayMonth, hhmmss, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { join, linkState } from '../live/feed';
import { RecordList } from '../live/records';
import { hrefWith } from '../state/route';
import { nameOf } from '../state/scope';
import { Failed } from '../ui/card';
import { Empty, Skeleton } from '../ui/parts';

const SHOWN = 12;
const DAY_MS = 86_400_000;
/** Where nothing is pushed. */
const POLL_MS = 10_000;
const CRITICAL: readonly string[] = ['error', 'fatal'];

function when(time: number): string {
  const isToday = new Date(time).toDateString() === new Date(clock.now()).toDateString();
  return isToday ? hhmmss(time) : `${dayMonth(time)} ${hhmmss(time)}`;
}

function Line({ row }: { row: LogRow }) {
  const look = row.level === 'fatal' ? 'crit' : 'warn';
  return (
    <li class={`sys-log ${look}`}>
      <time title={stamp(row.time)}>{when(row.time)}</time>
      <span class={`lvl ${look}`}>{row.level === 'fatal' ? 'CRIT' : 'ERROR'}</span>
      <span class="src ell">{nameOf(row.service)}</span>
      <span class="ell mono" title={row.message}>
        {row.message}
      </span>
    </li>
  );
}

export function CriticalLogs() {
  const m = b.value;
  const list = useMemo(() => new RecordList<LogRow>(), []);
  const answer = useAnswer('system logs', linkState.value === 'open' ? null : POLL_MS, (signal) => {
    const now = clock.now();
    const scope = { from: now - DAY_MS, to: now, service: null, tenant: null };
    return told.logs(scope, { level: 'error', q: '', limit: SHOWN, before: null }, signal);
  });
  const { data } = answer;
  useEffect(() => {
    if (data) list.take(data.logs, null, true);
  }, [data]);
  useEffect(
    () =>
      join('logs', (pushed) =>
        list.push(
          (pushed as LogRow[]).filter((row) => CRITICAL.includes(row.level)),
          false,
        ),
      ),
    [list],
  );
  const rows = list.rows.value.slice(0, SHOWN);
  const body = () => {
    if (rows.length > 0) {
      return (
        <div role="log" aria-live="off" aria-label={t.value.recentCriticalLogs}>
          <ul>
            {rows.map((row, i) => (
              <Line key={row.id ?? `${row.time} ${i}`} row={row} />
            ))}
          </ul>
        </div>
      );
    }
    if (data) return <Empty icon="check" title={m.noCritical} />;
    if (answer.failure !== null) return <Failed text={answer.failure} onRetry={answer.retry} />;
    return (
      <div class="pad">
        <Skeleton height={200} />
      </div>
    );
  };
  return (
    <section class="card" aria-labelledby="sys-logs">
      <header>
        <h2 id="sys-logs">{t.value.recentCriticalLogs}</h2>
        <span class="src">{t.value.last24h}</span>
        <a class="end sub sys-all" href={hrefWith('/errors', {})}>
          {m.allLogs}
        </a>
      </header>
      <div class="b flush">{body()}</div>
    </section>
  );
}
