// A card that shows one system outside: how well it is read, how old that is, and what it says when it is not set up.

import type { ComponentChildren } from 'preact';

import { snapshot, type Configured, type Source, type SourceStatus, type Unconfigured } from '../api/source';
import { age, hhmm, span, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import type { Answer } from '../live/answer';
import { now } from '../live/feed';
import { setParams } from '../state/route';
import { Failed } from './card';
import { Icon, type IconName } from './icon';
import { Command, Empty, Skeleton } from './parts';

/** An answer of the collector itself that could not be renewed is called old after this. */
const STALE_MS = 20_000;

type Look = { class: 'ok' | 'warn' | 'crit' | 'unk'; icon: IconName; word: string };

export function sourceLook(source: Configured): Look {
  const m = t.value;
  switch (source.status.state) {
    case 'auth_error':
      return { class: 'crit', icon: 'crit', word: m.srcAuth };
    case 'unreachable':
      return { class: 'crit', icon: 'crit', word: m.srcUnreachable };
    case 'bad_answer':
      return { class: 'crit', icon: 'crit', word: m.srcBadAnswer };
    case 'pending':
    case 'not_configured':
      return { class: 'unk', icon: 'ghost', word: m.srcPending };
    case 'stale':
      return { class: 'warn', icon: 'clock', word: m.srcStale };
    case 'partial':
      return { class: 'warn', icon: 'warn', word: m.srcPartial };
    case 'ok':
      return source.stale
        ? { class: 'warn', icon: 'clock', word: m.srcStale }
        : { class: 'ok', icon: 'check', word: m.srcConnected };
  }
}

/** With its full stop, so that another sentence can follow. */
function sentence(text: string): string {
  return text.replace(/[.!]?$/, '.');
}

export function SourceBadge({ source }: { source: Configured }) {
  const look = sourceLook(source);
  return (
    <span class={`badge ${look.class}`} title={source.status.text} data-source={source.status.state}>
      <Icon name={look.icon} size={12} />
      {look.word}
    </span>
  );
}

/** When the next attempt comes, where that is known. */
function nextTry({ next_poll }: SourceStatus): string {
  if (next_poll === null || next_poll <= now.value) return '';
  return t.value.srcNext(age(Math.max(0, next_poll - now.value)));
}

/** Why nothing newer is there, and which parts are missing. */
export function SourceNotes({ source }: { source: Configured }) {
  const m = t.value;
  const { status } = source;
  const look = sourceLook(source);
  return (
    <>
      {(look.class === 'crit' || source.stale) && (
        <p class={`note ${look.class === 'crit' ? 'crit' : 'warn'}`}>
          <Icon name={look.icon} size={15} />
          <span class="grow">
            <b>{look.word}.</b> {sentence(status.last_error?.message ?? status.text)} {nextTry(status)}
          </span>
        </p>
      )}
      {status.missing.length > 0 && (
        <div class="note">
          <Icon name="info" size={15} />
          <span class="grow">
            <b>{m.srcMissing}</b> {status.missing.map(({ part, message }) => `${part}: ${message}`).join(' · ')}
          </span>
        </div>
      )}
    </>
  );
}

export function NotSetUp({ source, icon, title }: { source: Unconfigured; icon: IconName; title: string }) {
  return (
    <div class="not-set-up">
      <Empty icon={icon} title={title} text={source.hint} />
      <Command text={source.snippet.trimEnd()} />
    </div>
  );
}

interface Props<T> {
  id: string;
  title: string;
  /** What is said of the instance beside the title: product and name. */
  sub?: (source: Configured & T) => string;
  class?: string;
  isFlush?: boolean;
  icon: IconName;
  /** Said when no such system was set up. */
  none: string;
  answer: Answer<Source<T>>;
  /** Height of the content, for the skeleton. */
  height: number;
  end?: ComponentChildren;
  foot?: (source: Configured & T) => ComponentChildren;
  children: (source: Configured & T) => ComponentChildren;
}

/** Whether what is shown is too old to be taken for the present, and since when. */
function staleSince<T>(answer: Answer<Source<T>>): number | null {
  const { data } = answer;
  if (data === null || !data.configured || data.as_of === null) return null;
  const isOurs = answer.failure !== null && now.value - answer.at > STALE_MS;
  return data.stale || isOurs ? data.as_of : null;
}

export function SourceCard<T>(props: Props<T>) {
  const { id, title, sub, answer, isFlush = false, end, foot } = props;
  const source = answer.data?.configured === true ? answer.data : null;
  const shot = answer.data && snapshot(answer.data);
  const since = staleSince(answer);
  return (
    <section class={`card ${props.class ?? ''} ${since === null ? '' : 'stale'}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {shot && (
          <span class="src">
            {[sub?.(shot), since === null && shot.as_of !== null ? t.value.ago(age(now.value - shot.as_of)) : '']
              .filter(Boolean)
              .join(' · ')}
          </span>
        )}
        <span class="end">
          {since !== null && (
            <span class="src warn" title={stamp(since)}>
              {t.value.staleFor(span(Math.max(0, now.value - since)))}
            </span>
          )}
          {source && <SourceBadge source={source} />}
          {end}
        </span>
      </header>
      <div class={`b ${isFlush && shot ? 'flush' : ''} ${since !== null || answer.isOld ? 'dimv' : ''}`}>
        <Content {...props} />
      </div>
      {shot && foot?.(shot)}
    </section>
  );
}

function Content<T>({ answer, height, icon, none, children }: Props<T>) {
  const { data, failure } = answer;
  if (data === null) {
    return failure === null ? <Skeleton height={height} /> : <Failed text={failure} onRetry={answer.retry} />;
  }
  if (!data.configured) return <NotSetUp source={data} icon={icon} title={none} />;
  const shot = snapshot(data);
  return shot ? <>{children(shot)}</> : <NothingYet source={data} />;
}

/** Set up, but nothing was ever read: it waits for the first answer, or says why there is none. */
export function NothingYet({ source }: { source: Configured }) {
  const m = t.value;
  const look = sourceLook(source);
  const { status } = source;
  if (look.class !== 'crit') return <Empty icon="ghost" title={m.srcPendingTitle} text={m.srcPendingText} />;
  const at = status.last_error === null ? '' : m.srcTried(hhmm(status.last_error.at));
  return (
    <Empty icon="crit" title={look.word} text={status.last_error?.message ?? status.text}>
      <p>
        {at} {nextTry(status)}
      </p>
    </Empty>
  );
}

interface PickerProps {
  source: Source<object> | null;
  /** The parameter of the address that holds the choice. */
  name: string;
  label: string;
}

/** Which of several instances is shown; nothing where there is one. */
export function InstancePicker({ source, name, label }: PickerProps) {
  if (source?.configured !== true || source.instances.length < 2) return null;
  return (
    <label class="choice on">
      <span class="lbl-in">{label}</span>
      <select value={source.instance} onChange={(event) => setParams({ [name]: event.currentTarget.value })}>
        {source.instances.map((one) => (
          <option key={one.name} value={one.name}>
            {one.name}
          </option>
        ))}
      </select>
      <Icon name="chev" size={12} />
    </label>
  );
}
