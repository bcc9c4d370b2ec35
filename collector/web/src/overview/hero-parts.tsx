// What the first card says of the outside: how long everything answered, and how many people are there now.

import { useEffect, useMemo } from 'preact/hooks';

import type { Configured, Monitor, UsersOnline } from '../api/outside';
import { num, span } from '../i18n/format';
import { t } from '../i18n/index';
import { changeOf, want, type Change } from '../live/compare';
import { now } from '../live/feed';
import { answering, meanOf } from '../outside/monitors';
import type { Around } from '../outside/overview';
import { stripOf } from '../outside/source';
import { kindTitle, reasonOf } from '../outside/states';
import { DayStrip, upText } from '../outside/strip';
import { ChangeMark } from '../ui/change';
import { Spark } from '../ui/parts';

export function AnswerCount({ monitors }: { monitors: readonly Monitor[] }) {
  const { online, all } = answering(monitors);
  return <div class="sub tn">{t.value.monitorsAnswer(num(online), num(all))}</div>;
}

/** The mean over the longest stretch that the monitors know. */
function longest(monitors: readonly Monitor[]): { ratio: number | null; days: string } {
  const m = t.value;
  const month = meanOf(monitors, (one) => one.uptime_30d);
  if (month !== null) return { ratio: month, days: m.days30 };
  const week = meanOf(monitors, (one) => one.uptime_7d);
  if (week !== null) return { ratio: week, days: m.days7 };
  return { ratio: meanOf(monitors, (one) => one.uptime_1d), days: m.last24 };
}

export function UptimePart({ around, monitors }: { around: Around; monitors: readonly Monitor[] }) {
  const m = t.value;
  const { ratio, days } = longest(monitors);
  const states = around.checks.data;
  const cells = useMemo(() => states && stripOf(states, null), [states]);
  return (
    <div class="hero-up">
      <div class="row">
        <span class="sub grow">{m.uptimeDays(days)}</span>
        <b class="tn">{upText(ratio)}</b>
      </div>
      {cells ? <DayStrip strip={cells} name={m.uptime} /> : <div class="strip" />}
      <div class="row ends">
        <span class="grow">{m.hoursAgo}</span>
        <span>{m.nowWord}</span>
      </div>
    </div>
  );
}

/** Below the count: its change against yesterday, or why there is none. */
function UsersNote({ data, change }: { data: Configured & Partial<UsersOnline>; change: Change | null }) {
  const m = t.value;
  if (data.as_of === null) return <>{reasonOf(kindTitle(data.kind), data.status) ?? m.noAnswerYet}</>;
  if (data.stale) return <>{m.staleFor(span(now.value - data.as_of))}</>;
  return data.count == null ? null : <ChangeMark change={change} />;
}

export function UsersPart({ around, data }: { around: Around; data: Configured & Partial<UsersOnline> }) {
  const m = t.value;
  const ids = around.usersOf;
  const minute = Math.floor(now.value / 60_000);
  useEffect(() => want(ids), [ids, minute]);
  const change = changeOf(ids, 'users').value;
  const values = around.usersLine.data?.values;
  const isStale = data.stale && data.as_of !== null;
  return (
    <div class={`hero-users ${isStale ? 'dimv' : ''}`}>
      <div class="sub">{m.usersNow}</div>
      <div class="row">
        <span class="hero-n">{data.count == null ? m.none : num(data.count)}</span>
        <span class="grow">{values && <Spark values={values} height={30} />}</span>
      </div>
      <div class="sub tn">
        <UsersNote data={data} change={change} />
      </div>
    </div>
  );
}
