// A card about a system that is asked: its source and age, and its states from "not connected" to "failing".

import type { ComponentChildren } from 'preact';

import { configured, snapshot, type OutsideAnswer, type Shot } from '../api/outside';
import { ago, hhmmss, span } from '../i18n/format';
import { t } from '../i18n/index';
import type { Answer } from '../live/answer';
import { now } from '../live/feed';
import { Failed } from '../ui/card';
import { Icon } from '../ui/icon';
import { Skeleton } from '../ui/parts';
import { NoFigures, NotConnected, OutsideBadge, Trouble, type Connect } from './notes';
import { kindTitle, lookOf } from './states';

/** A card whose own question fails is called old after this. */
const STALE_MS = 20_000;

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
  source?: (data: Shot<T>) => string;
  /** Whether a badge says how the instance does: where the card is about the instance itself. */
  hasBadge?: boolean;
  /** Whether what is wrong is said elsewhere on the page. */
  isQuiet?: boolean;
  /** What is shown instead of "not connected". */
  fallback?: ComponentChildren;
  fallbackSource?: string;
  end?: ComponentChildren;
  foot?: (data: Shot<T>) => ComponentChildren;
  children: (data: Shot<T>) => ComponentChildren;
}

export function OutsideCard<T>(props: Props<T>) {
  const { id, title, answer, isFlush = false, hasBadge = false, fallback, end } = props;
  const known = configured<T>(answer.data);
  const shot = snapshot<T>(answer.data);
  const isUnasked = answer.failure !== null && answer.data !== null && now.value - answer.at > STALE_MS;
  const isStale = shot !== null && (shot.stale || isUnasked);
  const isElse = answer.data?.configured === false && fallback !== undefined;
  const foot = shot === null ? null : props.foot?.(shot);
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
        {(end !== undefined || (hasBadge && known !== null)) && (
          <span class="end">
            {hasBadge && known !== null && <OutsideBadge status={known.status} isStale={isStale} />}
            {end}
          </span>
        )}
      </header>
      <div class={`b ${isFlush && (shot !== null || isElse) ? 'flush' : ''} ${isStale || answer.isOld ? 'dimv' : ''}`}>
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

function Source<T>({
  title,
  answer,
  source,
  fallbackSource,
  hasBadge = false,
  isStale,
}: Props<T> & { isStale: boolean }) {
  const m = t.value;
  const data = configured<T>(answer.data);
  if (data === null) return fallbackSource === undefined ? null : <span class="src">{fallbackSource}</span>;
  const shot = snapshot<T>(data);
  // A card that bears the name of the instance need not repeat it.
  const many = data.instances.length > 1 && title !== data.instance ? ` · ${data.instance}` : '';
  if (shot === null) {
    const look = lookOf(data.status);
    // A badge says the word already.
    const text = `${kindTitle(data.kind)}${many}${hasBadge ? '' : ` · ${look.word}`}`;
    return <span class={`src ${look.class === 'unk' || hasBadge ? '' : look.class}`}>{text}</span>;
  }
  const at = shot.as_of ?? 0;
  const old = Math.max(0, now.value - at);
  return (
    <span class={`src ${isStale ? 'warn' : ''}`} title={hhmmss(at)}>
      {isStale && <Icon name="clock" size={12} />}
      {`${source?.(shot) ?? kindTitle(data.kind)}${many} · ${isStale ? m.staleFor(span(old)) : ago(old)}`}
    </span>
  );
}

function Content<T>({ answer, connect, height, isFlush = false, isQuiet = false, children }: Props<T>) {
  const { data, failure } = answer;
  if (data === null) {
    return failure === null ? <Skeleton height={height} /> : <Failed text={failure} onRetry={answer.retry} />;
  }
  if (!data.configured) return <NotConnected connect={connect} />;
  const shot = snapshot<T>(data);
  if (shot === null) return <NoFigures answer={data} />;
  return (
    <>
      {!isQuiet && (
        <div class={isFlush ? 'pad-x' : ''}>
          <Trouble answer={shot} />
        </div>
      )}
      {children(shot)}
    </>
  );
}
