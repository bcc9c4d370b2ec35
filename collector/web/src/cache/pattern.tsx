// Deleting by pattern: counted first, asked in proportion to the count, run with progress and a stop.

import { useSignal, type Signal } from '@preact/signals';

import { cache, type PatternOrder, type Preview } from '../api/cache';
import { bytes, millis, num } from '../i18n/format';
import { t } from '../i18n/index';
import { may } from '../state/roles';
import { Icon } from '../ui/icon';
import { RoleNote } from '../ui/role-note';
import { Confirm } from './confirm';
import { DatabaseChoice, placeOf } from './databases';
import { follow, forgetJob, job, stop, type Job } from './job';
import { hasChanged, refusal } from './refusal';
import type { CacheShot } from './source';
import { acted, tell } from './undo';

/** From here on the instance's name has to be typed. */
const MANY = 1_000;

/** Where the usual frameworks keep their cache. */
const READY: readonly { name: string; pattern: string }[] = [
  { name: 'Django', pattern: ':1:*' },
  { name: 'Rails', pattern: 'views/*' },
  { name: 'Laravel', pattern: 'laravel_database_*' },
];

/** What was counted, for exactly what. */
interface Counted {
  pattern: string;
  db: number | null;
  hasQueues: boolean;
  preview: Preview;
}

function amount(preview: Preview): string {
  const text = num(preview.count);
  return preview.is_cut ? t.value.patternAtLeast(text) : text;
}

function Found({ preview }: { preview: Preview }) {
  const m = t.value;
  return (
    <div class="note patternfound" role="status">
      <Icon name={preview.count === 0 ? 'ghost' : 'info'} size={16} />
      <div class="grow">
        <b>{m.patternMatches(amount(preview), preview.count)}</b>
        {preview.bytes_estimate !== null && preview.count > 0 && ` · ≈ ${bytes(preview.bytes_estimate)}`}
        {` · ${m.patternTook(millis(preview.took_ms))}`}
        {preview.examples.length > 0 && (
          <div class="mono ell" title={preview.examples.join('\n')}>
            {preview.examples.join(' · ')}
            {preview.count > preview.examples.length && ' …'}
          </div>
        )}
      </div>
    </div>
  );
}

function Running({ running }: { running: Job }) {
  const m = t.value;
  const { progress, failure } = running;
  const total = progress?.total ?? running.expected;
  const done = progress?.deleted ?? 0;
  const ratio = total > 0 ? Math.min(1, done / total) : 0;
  return (
    <div class="running">
      <div class="row sub">
        <span class="grow ell">
          {m.patternRunning} <span class="mono">{running.pattern}</span>
        </span>
        <span class="tn">
          {num(done)} / {num(total)}
        </span>
      </div>
      <div
        class="meter crit"
        role="progressbar"
        aria-label={m.patternRunning}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={Math.min(done, total)}
      >
        <i style={{ width: `${(ratio * 100).toFixed(1)}%` }} />
      </div>
      {failure !== null && (
        <p class="note crit" role="alert">
          <Icon name="crit" size={15} />
          <span class="grow">{failure}</span>
        </p>
      )}
      <div class="row">
        <span class="grow sub">{progress === null ? '' : m.patternScanned(num(progress.scanned))}</span>
        {failure === null ? (
          <button class="btn sm" disabled={running.isStopping} onClick={() => void stop()}>
            <Icon name="x" size={13} />
            {running.isStopping ? m.patternStopping : m.patternStop}
          </button>
        ) : (
          <button class="btn sm" onClick={forgetJob}>
            {m.close}
          </button>
        )}
      </div>
    </div>
  );
}

interface AskProps {
  shot: CacheShot;
  counted: Signal<Counted | null>;
  onClose: () => void;
}

/** Asks, and asks again with the new number when what was counted has changed meanwhile. */
function Ask({ shot, counted, onClose }: AskProps) {
  const m = t.value;
  const version = useSignal(0);
  const notice = useSignal<string | null>(null);
  const now = counted.value;
  if (now === null) return null;
  const { preview, pattern, db, hasQueues } = now;
  const { instance } = shot;
  const place = { ...placeOf(instance, db), pattern, ...(hasQueues ? { include_queues: true } : {}) };
  const act = async (reason: string | undefined) => {
    const order: PatternOrder = { ...place, expected: preview.count, confirm: instance };
    try {
      const answer = await cache.removePattern(reason === undefined ? order : { ...order, reason });
      if ('job' in answer) follow(answer.job, instance, pattern, preview.count);
      else tell('ok', instance, m.patternDone(num(answer.deleted), answer.deleted, instance), answer.undo);
    } catch (error) {
      if (!hasChanged(error)) throw error;
      const next = await cache.preview(place);
      counted.value = { ...now, preview: next };
      notice.value = m.patternChanged(amount(preview), amount(next));
      version.value += 1;
      return;
    }
    counted.value = null;
    onClose();
  };
  const where = db === null ? instance : `${instance} · db${db}`;
  return (
    <Confirm
      title={m.patternTitle(where)}
      sub={m.patternSub}
      facts={[
        <>
          <b>{m.patternKeys(amount(preview), preview.count)}</b> <span class="mono anywhere">{pattern}</span>
        </>,
        ...(preview.bytes_estimate === null ? [] : [m.patternBytes(bytes(preview.bytes_estimate))]),
        ...(hasQueues ? [m.patternQueuesEffect] : []),
      ]}
      {...(preview.count > MANY ? { name: instance } : {})}
      keep={m.patternKeep}
      act={m.patternDelete(amount(preview), preview.count)}
      isReady={preview.count > 0}
      notice={notice.value}
      version={version.value}
      onAct={act}
      onClose={onClose}
    />
  );
}

export function PatternCard({ shot }: { shot: CacheShot }) {
  const m = t.value;
  const pattern = useSignal('');
  const db = useSignal<number | null>(null);
  const hasQueues = useSignal(false);
  const counted = useSignal<Counted | null>(null);
  const failure = useSignal<string | null>(null);
  const isCounting = useSignal(false);
  const isAsking = useSignal(false);
  const isAllowed = may('admin');
  const { instance } = shot;
  const clear = () => {
    counted.value = null;
    failure.value = null;
  };
  const count = async (event: Event) => {
    event.preventDefault();
    const text = pattern.peek().trim();
    if (text === '' || !isAllowed) return;
    clear();
    isCounting.value = true;
    const what = { pattern: text, db: db.peek(), hasQueues: hasQueues.peek() };
    try {
      const order = {
        ...placeOf(instance, what.db),
        pattern: text,
        ...(what.hasQueues ? { include_queues: true } : {}),
      };
      counted.value = { ...what, preview: await cache.preview(order) };
      acted.value += 1;
    } catch (error) {
      failure.value = refusal(error);
    }
    isCounting.value = false;
  };
  const running = job.value;
  const found = counted.value?.preview ?? null;
  return (
    <section class="card" aria-labelledby="pattern">
      <header>
        <h2 id="pattern">{m.patternCard}</h2>
      </header>
      <div class="b pattern">
        <form class="row actform" onSubmit={(event) => void count(event)}>
          <span class="in grow">
            <Icon name="filter" size={14} />
            <input
              class="mono"
              aria-label={m.cachePattern}
              aria-describedby={isAllowed ? undefined : 'pattern-role'}
              placeholder="report:preview:*"
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              disabled={!isAllowed}
              value={pattern.value}
              onInput={(event) => {
                pattern.value = event.currentTarget.value;
                clear();
              }}
            />
          </span>
          <DatabaseChoice
            shot={shot}
            value={db.value}
            onChoose={(next) => {
              db.value = next;
              clear();
            }}
          />
          <button class="btn" disabled={!isAllowed || pattern.value.trim() === '' || isCounting.value}>
            {isCounting.value ? m.patternCounting : m.patternDryRun}
          </button>
        </form>
        <div class="chips" role="group" aria-label={m.patternReady}>
          {READY.map((one) => (
            <button
              key={one.name}
              type="button"
              class="chip"
              disabled={!isAllowed}
              aria-pressed={pattern.value === one.pattern}
              onClick={() => {
                pattern.value = one.pattern;
                clear();
              }}
            >
              {one.name} <span class="mono">{one.pattern}</span>
            </button>
          ))}
        </div>
        <label class="row sub tick">
          <input
            type="checkbox"
            disabled={!isAllowed}
            checked={hasQueues.value}
            onChange={(event) => {
              hasQueues.value = event.currentTarget.checked;
              clear();
            }}
          />
          {m.patternQueues}
        </label>
        <RoleNote id="pattern-role" needs="admin" />
        {failure.value !== null && (
          <p class="note crit" role="alert">
            <Icon name="crit" size={15} />
            <span class="grow">{failure.value}</span>
          </p>
        )}
        {found !== null && <Found preview={found} />}
        {running !== null ? (
          <Running running={running} />
        ) : (
          <div class="row wrap patternact">
            <span class="sub grow">{m.patternHow}</span>
            <button
              class="btn danger"
              disabled={!isAllowed || found === null || found.count === 0}
              onClick={() => (isAsking.value = true)}
            >
              <Icon name="trash" size={14} />
              {found === null || found.count === 0
                ? m.patternDeleteFirst
                : `${m.patternDelete(amount(found), found.count)}…`}
            </button>
          </div>
        )}
      </div>
      {isAsking.value && <Ask shot={shot} counted={counted} onClose={() => (isAsking.value = false)} />}
    </section>
  );
}
