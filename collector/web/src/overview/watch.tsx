// What needs eyes beside the machines: lights of database, cache, broker, workers, and the newest critical logs.
//
// Both are asked for after the figures and only shown when there is something.

import { useEffect, useMemo, useRef } from 'preact/hooks';

import { told } from '../api/client';
import type { CheckRow, LogRow } from '../api/types';
import { useChecks } from '../checks/source';
import { CheckLight } from '../checks/rows';
import { checkLook, checkWord, partOf, partWord, worstCheckFirst, type Part } from '../checks/states';
import { millis, num, span, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { join, now } from '../live/feed';
import { RecordList } from '../live/records';
import { Late } from '../shell/late';
import { href } from '../state/route';
import { nameOf } from '../state/scope';
import { Icon } from '../ui/icon';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const LIGHTS_SHOWN = 10;
const LOGS_SHOWN = 6;

const lastHour = {
  key: 'hour',
  isLive: true,
  every: 30_000,
  at: (time: number) => ({ from: time - HOUR_MS, to: time }),
};

const ORDER: readonly Part[] = ['database', 'cache', 'broker', 'worker', 'http', 'other'];

function Light({ row }: { row: CheckRow }) {
  const look = checkLook(row.state);
  const newest = row.results[0]?.latency_ms ?? null;
  return (
    <li class="row" data-light={row.state} title={row.detail ?? row.target}>
      <CheckLight row={row} size={14} />
      <span class="grow ell">
        {row.name} <span class="faint">{partWord(partOf(row.kind))}</span>
      </span>
      {newest !== null && <span class="sub tn">{millis(newest)}</span>}
      <span class={`sub light-w ${look.class}`}>{checkWord(row.state)}</span>
    </li>
  );
}

function Lights() {
  const m = t.value;
  const { data } = useChecks(lastHour);
  if (data === null || data.length === 0) return null;
  const rows = [...data].sort(
    (a, b) => worstCheckFirst(a, b) || ORDER.indexOf(partOf(a.kind)) - ORDER.indexOf(partOf(b.kind)),
  );
  return (
    <section class="card" aria-labelledby="lights">
      <header>
        <h2 id="lights">{m.health}</h2>
        <span class="src">
          {m.checksAnswer(num(rows.filter((row) => row.state === 'online').length), num(rows.length))}
        </span>
        <span class="end">
          <a class="btn sm ghost" href={href('/health')}>
            {m.open}
            <Icon name="chevr" size={12} />
          </a>
        </span>
      </header>
      <div class="b">
        <ul class="lights">
          {rows.slice(0, LIGHTS_SHOWN).map((row) => (
            <Light key={`${row.resource} ${row.name}`} row={row} />
          ))}
        </ul>
      </div>
    </section>
  );
}

function CriticalLogs() {
  const m = t.value;
  const list = useMemo(() => new RecordList<LogRow>(), []);
  const first = useRef(true);
  const { data } = useAnswer('critical', 30_000, (signal) => {
    const to = clock.now();
    const scope = { from: to - DAY_MS, to, service: null, tenant: null };
    return told.logs(scope, { level: 'error', q: '', limit: LOGS_SHOWN, before: null }, signal);
  });
  useEffect(() => {
    if (data) list.take(data.logs, null, false);
    first.current = false;
  }, [data]);
  useEffect(
    () =>
      join('logs', (pushed) =>
        list.push(
          (pushed as LogRow[]).filter((row) => row.level === 'error' || row.level === 'fatal'),
          false,
        ),
      ),
    [list],
  );
  const rows = list.rows.value.slice(0, LOGS_SHOWN);
  if (rows.length === 0) return null;
  return (
    <section class="card" aria-labelledby="critical">
      <header>
        <h2 id="critical">{m.recentCriticalLogs}</h2>
        <span class="src">{m.last24h}</span>
        <span class="end">
          <a class="btn sm ghost" href={href('/errors')}>
            {m.open}
            <Icon name="chevr" size={12} />
          </a>
        </span>
      </header>
      <div class="b flush">
        <ul class="minilogs">
          {rows.map((row, i) => (
            <li key={row.id ?? `${row.time} ${i}`} class={row.level === 'fatal' ? 'c' : 'w'}>
              <span class={`lvl ${row.level === 'fatal' ? 'crit' : 'warn'}`}>
                {row.level === 'fatal' ? 'CRIT' : 'ERROR'}
              </span>
              <span class="mono ell grow" title={row.message}>
                {row.message}
              </span>
              <span class="sub ell d-only">{nameOf(row.service)}</span>
              <time class="sub tn" title={stamp(row.time)}>
                {m.ago(span(Math.max(0, now.value - row.time)))}
              </time>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

const activeAlerts = async () => (await import('../alerts/card')).ActiveAlerts;

export function WatchCards() {
  return (
    <div class="watch">
      <Late load={activeAlerts} />
      <Lights />
      <CriticalLogs />
    </div>
  );
}
