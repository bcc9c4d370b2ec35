// A card about a system that is asked: its source and age, and its states from "not connected" to "failing".

import type { ComponentChildren } from 'preact';

import type { Configured, OutsideAnswer, OutsideStatus } from '../api/outside';
import { ago, hhmmss, span } from '../i18n/format';
import { t } from '../i18n/index';
import type { Answer } from '../live/answer';
import { now } from '../live/feed';
import { hrefWith } from '../state/route';
import { Failed } from '../ui/card';
import { Icon, type IconName } from '../ui/icon';
import { Empty, Skeleton } from '../ui/parts';
import { configured, isFailing, kindTitle, lookOf, missingText, nextTryText, reasonOf } from './states';

/** A card whose own question fails is called old after this. */
const STALE_MS = 20_000;

export function OutsideBadge({ status }: { status: OutsideStatus | null }) {
  const look = lookOf(status);
  return (
    <span class={`badge ${look.class}`} title={status?.text}>
      <Icon name={look.icon} size={12} />
      {look.word}
    </span>
  );
}

/** The link to what has to be written to connect a kind. */
export function ConnectLink({ kind, title, isMain = false }: { kind: string; title: string; isMain?: boolean }) {
  return (
    <a class={`btn sm ${isMain ? 'pri' : ''}`} href={hrefWith('/integrations', { connect: kind })}>
      {t.value.connectWhat(title)}
    </a>
  );
}

export interface Connect {
  /** The kind that is offered first. */
  kind: string;
  title: string;
  /** What the card would show. */
  text: string;
  icon: IconName;
}

/** Why a system that was connected brings nothing, and what happens next. */
export function OutsideFailed({ status, title }: { status: OutsideStatus; title: string }) {
  const next = nextTryText(status, now.value);
  const why = status.last_error?.message ?? '';
  return (
    <Empty icon={lookOf(status).icon} title={reasonOf(title, status) ?? status.text}>
      <p>
        {why}
        {next !== '' && <span class="line">{next}</span>}
      </p>
      <a class="btn sm" href={hrefWith('/integrations', {})}>
        {t.value.seeIntegrations}
      </a>
    </Empty>
  );
}

/** Says in one line what is wrong with figures that are shown all the same. */
function Trouble({ status, title }: { status: OutsideStatus; title: string }) {
  const reason = reasonOf(title, status);
  const missing = missingText(status);
  if (reason === null && missing === '') return null;
  const look = lookOf(status);
  const next = reason === null ? '' : nextTryText(status, now.value);
  return (
    <p class={`trouble ${look.class}`} title={status.last_error?.message ?? status.text}>
      <Icon name={look.icon} size={13} />
      <span>{[reason, missing, next].filter(Boolean).join(' · ')}</span>
    </p>
  );
}

interface Props<T> {
  id: string;
  title: string;
  connect: Connect;
  answer: Answer<OutsideAnswer<T>>;
  /** Height of the content, for the skeleton. */
  height: number;
  isFlush?: boolean;
  class?: string;
  /** What stands before the age; the kind's name when absent. */
  source?: (data: Configured & Partial<T>) => string;
  /** What is shown instead of "not connected". */
  fallback?: ComponentChildren;
  fallbackSource?: string;
  end?: ComponentChildren;
  foot?: (data: Configured & Partial<T>) => ComponentChildren;
  children: (data: Configured & Partial<T>) => ComponentChildren;
}

export function OutsideCard<T>(props: Props<T>) {
  const { id, title, answer, isFlush = false, fallback } = props;
  const data = configured<T>(answer.data);
  const time = now.value;
  const isUnasked = answer.failure !== null && answer.data !== null && time - answer.at > STALE_MS;
  const isStale = data !== null && data.as_of !== null && (data.stale || isUnasked);
  const hasFigures = data !== null && data.as_of !== null;
  const isElse = answer.data?.configured === false && fallback !== undefined;
  const foot = hasFigures ? props.foot?.(data) : undefined;
  return (
    <section
      class={['card', props.class ?? '', isStale ? 'stale' : ''].join(' ')}
      aria-labelledby={id}
      aria-busy={answer.isOld}
      data-state={stateOf(answer)}
    >
      <header>
        <h2 id={id}>{title}</h2>
        <Source {...props} isStale={isStale} />
        {props.end !== undefined && <span class="end">{props.end}</span>}
      </header>
      <div class={`b ${isFlush && (hasFigures || isElse) ? 'flush' : ''} ${isStale ? 'dimv' : ''}`}>
        {isElse ? fallback : <Content {...props} />}
      </div>
      {foot !== undefined && foot !== null && <footer>{foot}</footer>}
    </section>
  );
}

/** The state of a card in one word, for tests and for styles. */
export function stateOf<T>({ data, failure }: Answer<OutsideAnswer<T>>): string {
  if (data === null) return failure === null ? 'loading' : 'failed';
  if (!data.configured) return 'not_configured';
  return data.stale ? 'stale' : data.status.state;
}

function Source<T>({ answer, source, fallbackSource, isStale }: Props<T> & { isStale: boolean }) {
  const m = t.value;
  const data = configured<T>(answer.data);
  if (data === null) return fallbackSource === undefined ? null : <span class="src">{fallbackSource}</span>;
  const name = source?.(data) ?? kindTitle(data.kind);
  const many = data.instances.length > 1 ? ` · ${data.instance}` : '';
  if (data.as_of === null) {
    const look = lookOf(data.status);
    return <span class={`src ${look.class === 'unk' ? '' : look.class}`}>{`${name}${many} · ${look.word}`}</span>;
  }
  const age = Math.max(0, now.value - data.as_of);
  return (
    <span class={`src ${isStale ? 'warn' : ''}`} title={hhmmss(data.as_of)}>
      {isStale && <Icon name="clock" size={12} />}
      {`${name}${many} · ${isStale ? m.staleFor(span(age)) : ago(age)}`}
    </span>
  );
}

function Content<T>({ answer, connect, height, isFlush = false, children }: Props<T>) {
  const m = t.value;
  if (answer.data === null) {
    if (answer.failure !== null) return <Failed text={answer.failure} onRetry={answer.retry} />;
    return <Skeleton height={height} />;
  }
  const data = configured<T>(answer.data);
  if (data === null) {
    return (
      <Empty icon={connect.icon} title={m.notConnectedYet} text={connect.text}>
        <ConnectLink kind={connect.kind} title={connect.title} />
      </Empty>
    );
  }
  const title = kindTitle(data.kind);
  if (data.as_of === null) {
    if (isFailing(data.status)) return <OutsideFailed status={data.status} title={title} />;
    return <Empty icon="clock" title={m.noAnswerYet} text={m.firstAnswerSoon} />;
  }
  return (
    <>
      <div class={isFlush ? 'pad-x' : ''}>
        <Trouble status={data.status} title={title} />
      </div>
      {children(data)}
    </>
  );
}
