// Critical logs, newest first: by level, by words, live, with their traces, as far back as the history goes.

import { computed, signal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';

import { told } from '../api/client';
import type { LogLevel, LogRow } from '../api/types';
import { dayMonth, hhmmss, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { join, linkState } from '../live/feed';
import { RecordList } from '../live/records';
import { param, setParams } from '../state/route';
import { nameOf, scopeAt, scopeKey, service, shown, tenant } from '../state/scope';
import { Failed } from '../ui/card';
import { FeedBar, isAway, OlderButton, useListKeys, WaitingButton } from '../ui/feed';
import { HowTo, Snippets } from '../ui/how-to';
import { Icon } from '../ui/icon';
import { Empty, Skeleton } from '../ui/parts';
import { Details } from './types';

const PAGE = 50;
/** Letters come faster than answers. */
const TYPING_MS = 300;
/** With words to find, only the collector can tell what fits: it is asked again, at most so often. */
const FIND_AGAIN_MS = 2_000;

export const LEVELS = ['fatal', 'error', 'warn'] as const;
type Least = (typeof LEVELS)[number];

const RANK: Record<LogLevel, number> = { trace: 0, debug: 1, info: 2, warn: 3, error: 4, fatal: 5 };

const least = computed<Least>(() => LEVELS.find((level) => level === param('level')) ?? 'error');
const words = computed(() => param('q') ?? '');

/** Whether a pushed record belongs into the list. */
export function fits(row: LogRow, level: LogLevel, wantedService: number | null, wantedTenant: string | null): boolean {
  return (
    RANK[row.level] >= RANK[level] &&
    (wantedService === null || row.service === wantedService) &&
    (wantedTenant === null || row.tenant === wantedTenant)
  );
}

/** Class and word of a level. */
function levelLook(level: LogLevel): { class: 'crit' | 'warn' | 'muted'; word: string } {
  if (level === 'fatal') return { class: 'crit', word: 'CRIT' };
  return { class: level === 'error' ? 'warn' : 'muted', word: level.toUpperCase() };
}

function when(time: number): string {
  const isToday = new Date(time).toDateString() === new Date(clock.now()).toDateString();
  return isToday ? hhmmss(time) : `${dayMonth(time)} ${hhmmss(time)}`;
}

const opened = signal<ReadonlySet<LogRow>>(new Set());
const chosen = signal(-1);

function toggle(row: LogRow): void {
  const next = new Set(opened.peek());
  if (!next.delete(row)) next.add(row);
  opened.value = next;
}

function Line({ row, isChosen }: { row: LogRow; isChosen: boolean }) {
  const m = t.value;
  const look = levelLook(row.level);
  const isOpen = opened.value.has(row);
  const self = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (isChosen) self.current?.scrollIntoView({ block: 'nearest' });
  }, [isChosen]);
  return (
    <li ref={self} class={isChosen ? 'on' : ''}>
      <button class={`logl ${look.class}`} aria-expanded={isOpen} onClick={() => toggle(row)}>
        <time title={stamp(row.time)}>{when(row.time)}</time>
        <span class={`lvl ${look.class}`}>{look.word}</span>
        <span class="src ell">{nameOf(row.service)}</span>
        <span class={`logl-m ${isOpen ? '' : 'ell'}`}>
          {row.exception !== null && !row.message.includes(row.exception) && <b>{row.exception}: </b>}
          {row.message}
        </span>
        <Icon name={isOpen ? 'chev' : 'chevr'} size={12} />
      </button>
      {isOpen && (
        <Details
          stack={row.stack}
          tags={[
            [m.time, stamp(row.time)],
            [m.exception, row.exception],
            [m.source, row.source],
            [m.tenant, row.tenant],
          ]}
          trace={row.trace_id}
        />
      )}
    </li>
  );
}

function WordSearch() {
  const m = t.value;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <span class="in find">
      <Icon name="search" size={14} />
      <input
        type="search"
        placeholder={m.findInLogs}
        aria-label={m.findInLogs}
        defaultValue={words.peek()}
        onInput={(event) => {
          const text = event.currentTarget.value;
          clearTimeout(timer.current);
          timer.current = setTimeout(() => setParams({ q: text.trim() }, true), TYPING_MS);
        }}
      />
    </span>
  );
}

function LevelChoice() {
  const m = t.value;
  const labels: Record<Least, string> = { fatal: m.levelFatal, error: m.levelError, warn: m.levelWarn };
  return (
    <span class="seg" role="group" aria-label={m.level}>
      {LEVELS.map((level) => (
        <button
          key={level}
          aria-pressed={least.value === level}
          onClick={() => setParams({ level: level === 'error' ? null : level }, true)}
        >
          {labels[level]}
        </button>
      ))}
    </span>
  );
}

function ask(before: string | null, signal?: AbortSignal) {
  return told.logs(scopeAt(clock.now()), { level: least.peek(), q: words.peek(), limit: PAGE, before }, signal);
}

/** The list for the filters of the address, kept by question and push. */
function useLogs(top: () => HTMLElement | null) {
  const list = useMemo(() => new RecordList<LogRow>(), []);
  const key = `${scopeKey.value}|${least.value}|${words.value}`;
  const again = useAnswer(key, shown.value.every, (signal) => ask(null, signal));
  const before = useRef('');
  const { data, isOld, retry } = again;
  useEffect(() => {
    if (data === null || isOld) return;
    // The regular question must not tear the list from under a reader further down.
    if (before.current === key && isAway(top())) {
      // Without a socket nothing else brings what is new.
      if (linkState.peek() !== 'open') list.push(data.logs, true);
      return;
    }
    list.take(data.logs, data.next, before.current === key);
    before.current = key;
  }, [data, isOld]);
  const latest = useRef(retry);
  latest.current = retry;
  const { isLive } = shown.value;
  useEffect(() => {
    if (!isLive) return;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const leave = join('logs', (pushed) => {
      if (words.peek() === '') {
        const rows = (pushed as LogRow[]).filter((row) => fits(row, least.peek(), service.peek(), tenant.peek()));
        list.push(rows, isAway(top()));
        return;
      }
      timer ??= setTimeout(() => {
        timer = null;
        latest.current();
      }, FIND_AGAIN_MS);
    });
    return () => {
      leave();
      if (timer !== null) clearTimeout(timer);
    };
  }, [isLive, list]);
  return { list, answer: again };
}

function Rows({ list, answer }: ReturnType<typeof useLogs>) {
  const m = t.value;
  const rows = list.rows.value;
  useListKeys(rows.length, chosen, (index) => {
    const row = rows[index];
    if (row) toggle(row);
  });
  if (answer.data === null) {
    if (answer.failure !== null) return <Failed text={answer.failure} onRetry={answer.retry} />;
    return (
      <div class="pad">
        <Skeleton height={240} />
      </div>
    );
  }
  if (rows.length === 0) {
    if (words.value !== '') {
      return (
        <Empty icon="filter" title={m.filterNone(words.value)}>
          <button class="btn sm" onClick={() => setParams({ q: null })}>
            {m.filterClear}
          </button>
        </Empty>
      );
    }
    return <Empty icon="check" title={m.noLogs} text={m.noLogsText} />;
  }
  return (
    <div role="log" aria-live="off" aria-label={m.criticalLogs}>
      <ul class="logs">
        {rows.map((row, i) => (
          <Line key={row.id ?? `${row.time} ${i}`} row={row} isChosen={i === chosen.value} />
        ))}
      </ul>
    </div>
  );
}

export function Logs() {
  const m = t.value;
  const card = useRef<HTMLElement>(null);
  const top = () => card.current;
  const logs = useLogs(top);
  const older = async (before: string) => {
    const { logs: rows, next } = await ask(before);
    return { rows, next };
  };
  return (
    <section class="card" ref={card} aria-labelledby="logs">
      <header class="wrap">
        <h2 id="logs">{m.criticalLogs}</h2>
        <span class="src">{m.newestFirst}</span>
        <span class="end row filters">
          <WordSearch key={words.value === '' ? 'empty' : 'words'} />
          <LevelChoice />
        </span>
      </header>
      <FeedBar hint={words.value === '' ? m.logsHint : m.logsFindHint} />
      <WaitingButton list={logs.list} top={top} />
      <Rows {...logs} />
      <OlderButton list={logs.list} ask={older} />
    </section>
  );
}

/** For a page without a single error or log. */
export function LogsHowTo() {
  const m = t.value;
  return (
    <HowTo icon="bug" title={m.noErrorsEver} text={m.noErrorsEverText}>
      <Snippets kinds={['logs', 'exec', 'django', 'fastapi', 'express', 'otlp']} />
    </HowTo>
  );
}
