// The feed of events: newest first, live, by type.

import { computed } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';

import { told } from '../api/client';
import type { EventRow, EventsAnswer } from '../api/types';
import { dayMonth, hhmmss, num, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { useAnswer, type Answer } from '../live/answer';
import * as clock from '../live/clock';
import { join, linkState } from '../live/feed';
import { RecordList } from '../live/records';
import { param, setParams } from '../state/route';
import { nameOf, scopeAt, scopeKey, service, services, shown, tenant } from '../state/scope';
import { Failed } from '../ui/card';
import { FeedBar, isAway, OlderButton, WaitingButton } from '../ui/feed';
import { Icon } from '../ui/icon';
import { Empty, Skeleton } from '../ui/parts';
import { pairs } from './payload';

const PAGE = 50;
/** The server allows no endless list of rooms; more types than this are all of them. */
const TYPES_MAX = 20;
const CHIPS_MAX = 30;

export const types = computed<string[]>(() => (param('type') ?? '').split(',').filter(Boolean).slice(0, TYPES_MAX));

function ask(before: string | null, signal?: AbortSignal): Promise<EventsAnswer> {
  return told.events(scopeAt(clock.now()), { type: types.peek().join(), limit: PAGE, before }, signal);
}

/** The rooms whose events belong to the filter. */
export function rooms(wanted: readonly string[]): string[] {
  return wanted.length === 0 ? ['events'] : wanted.map((type) => `event:${type}`);
}

export function useEvents(top: () => HTMLElement | null) {
  const list = useMemo(() => new RecordList<EventRow>(), []);
  const key = `${scopeKey.value}|${types.value.join()}`;
  const answer = useAnswer(key, shown.value.every, (signal) => ask(null, signal));
  const before = useRef('');
  const { data, isOld } = answer;
  useEffect(() => {
    if (data === null || isOld) return;
    if (before.current === key && isAway(top())) {
      // Without a socket nothing else brings what is new.
      if (linkState.peek() !== 'open') list.push(data.events, true);
      return;
    }
    list.take(data.events, data.next, before.current === key);
    before.current = key;
  }, [data, isOld]);
  const { isLive } = shown.value;
  const wanted = types.value.join();
  useEffect(() => {
    if (!isLive) return;
    const listen = (pushed: readonly unknown[]) => {
      const rows = (pushed as EventRow[]).filter(
        (row) =>
          (service.peek() === null || row.service === service.peek()) &&
          (tenant.peek() === null || row.tenant === tenant.peek()),
      );
      list.push(rows, isAway(top()));
    };
    const leave = rooms(wanted === '' ? [] : wanted.split(',')).map((room) => join(room, listen));
    return () => leave.forEach((act) => act());
  }, [isLive, wanted, list]);
  return { list, answer };
}

function Row({ row, isFresh }: { row: EventRow; isFresh: boolean }) {
  const m = t.value;
  const isToday = new Date(row.time).toDateString() === new Date(clock.now()).toDateString();
  return (
    <li class={`ev ${isFresh ? 'new' : ''}`}>
      <time class="tn" title={stamp(row.time)}>
        {isToday ? hhmmss(row.time) : `${dayMonth(row.time)} ${hhmmss(row.time)}`}
      </time>
      <span class="mono evk ell" title={row.type}>
        {row.type}
      </span>
      <span class="evp">
        {pairs(row.payload).map(({ key, value, isMasked }) => (
          <span class="pair" key={key}>
            <span class="faint">{key}</span>
            {isMasked ? (
              <span class="masked" title={m.masked}>
                <Icon name="eyeoff" size={12} />
                <span class="sr">{m.masked}</span>
                {value}
              </span>
            ) : (
              <span class="mono">{value}</span>
            )}
          </span>
        ))}
      </span>
      <span class="evw ell">
        {services.value.length > 1 || row.tenant === null ? nameOf(row.service) : ''}
        {row.tenant !== null && <span class="tag">{row.tenant}</span>}
      </span>
    </li>
  );
}

function toggleType(type: string): void {
  const now = types.peek();
  const next = now.includes(type) ? now.filter((one) => one !== type) : [...now, type];
  setParams({ type: next.join() }, true);
}

/** One chip a type, with how many there are in the range. */
export function TypeChips({ answer }: { answer: Answer<EventsAnswer> }) {
  const m = t.value;
  const counts = [...(answer.data?.counts ?? [])].sort((a, b) => b.count - a.count).slice(0, CHIPS_MAX);
  for (const type of types.value) if (!counts.some((one) => one.type === type)) counts.push({ type, count: 0 });
  if (counts.length === 0) return null;
  const all = counts.reduce((sum, one) => sum + one.count, 0);
  return (
    <div class="chips" role="group" aria-label={m.eventTypes}>
      <button class="chip" aria-pressed={types.value.length === 0} onClick={() => setParams({ type: null }, true)}>
        {m.all} <b>{num(all)}</b>
      </button>
      {counts.map(({ type, count }) => (
        <button key={type} class="chip" aria-pressed={types.value.includes(type)} onClick={() => toggleType(type)}>
          {type} <b>{num(count)}</b>
        </button>
      ))}
    </div>
  );
}

function Rows({ list, answer }: { list: RecordList<EventRow>; answer: Answer<EventsAnswer> }) {
  const m = t.value;
  const rows = list.rows.value;
  if (answer.data === null) {
    if (answer.failure !== null) return <Failed text={answer.failure} onRetry={answer.retry} />;
    return (
      <div class="pad">
        <Skeleton height={320} />
      </div>
    );
  }
  if (rows.length === 0) return <Empty icon="ghost" title={m.noEvents} text={m.noEventsText} />;
  return (
    <div role="log" aria-live="off" aria-label={m.events}>
      <ul class="evs">
        {rows.map((row, i) => (
          <Row key={row.id ?? `${row.time} ${row.type} ${rows.length - i}`} row={row} isFresh={list.fresh.has(row)} />
        ))}
      </ul>
    </div>
  );
}

interface FeedProps {
  list: RecordList<EventRow>;
  answer: Answer<EventsAnswer>;
  card: { current: HTMLElement | null };
}

export function Feed({ list, answer, card }: FeedProps) {
  const m = t.value;
  const top = () => card.current;
  const older = async (before: string) => {
    const { events: rows, next } = await ask(before);
    return { rows, next };
  };
  return (
    <section class="card" ref={card} aria-labelledby="feed">
      <h2 id="feed" class="sr">
        {m.events}
      </h2>
      <FeedBar hint={m.eventsHint} />
      <WaitingButton list={list} top={top} />
      <Rows list={list} answer={answer} />
      <OlderButton list={list} ask={older} />
    </section>
  );
}
