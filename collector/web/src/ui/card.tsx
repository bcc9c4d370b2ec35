// A card that shows an answer of the API: its title, how old it is, and its states.

import type { ComponentChildren } from 'preact';

import { span } from '../i18n/format';
import { t } from '../i18n/index';
import type { Answer } from '../live/answer';
import { now } from '../live/feed';
import { Icon } from './icon';
import { Empty, Skeleton } from './parts';

/** An answer that could not be renewed is called old after this. */
const STALE_MS = 20_000;

interface Props<T> {
  id: string;
  title: string;
  sub?: string | undefined;
  class?: string;
  /** The content reaches the card's edges, as tables do. */
  isFlush?: boolean;
  end?: ComponentChildren;
  foot?: ComponentChildren;
  answer: Answer<T>;
  /** Height of the content, for the skeleton. */
  height: number;
  /** Whether there is nothing to show, and what is shown then. */
  isEmpty?: (data: T) => boolean;
  empty?: ComponentChildren;
  children: (data: T) => ComponentChildren;
}

export function AnswerCard<T>(props: Props<T>) {
  const { id, title, sub, answer, isFlush = false } = props;
  const isStale = answer.failure !== null && answer.data !== null && now.value - answer.at > STALE_MS;
  const classes = ['card', props.class ?? '', isStale ? 'stale' : ''].join(' ');
  return (
    <section class={classes} aria-labelledby={id} aria-busy={answer.isOld}>
      <header>
        <h2 id={id}>{title}</h2>
        {isStale ? (
          <span class="src warn">{t.value.staleFor(span(now.value - answer.at))}</span>
        ) : (
          sub !== undefined && <span class="src">{sub}</span>
        )}
        {props.end !== undefined && <span class="end">{props.end}</span>}
      </header>
      <div class={`b ${isFlush ? 'flush' : ''} ${isStale || answer.isOld ? 'dimv' : ''}`}>
        <Content {...props} />
      </div>
      {props.foot}
    </section>
  );
}

function Content<T>({ answer, height, isEmpty, empty, children, isFlush = false }: Props<T>) {
  const { data, failure } = answer;
  if (data !== null) return <>{isEmpty?.(data) === true ? empty : children(data)}</>;
  if (failure !== null) return <Failed text={failure} onRetry={answer.retry} />;
  return (
    <div class={isFlush ? 'pad' : ''}>
      <Skeleton height={height} />
    </div>
  );
}

/** Says that an answer did not come, and offers to ask again. */
export function Failed({ text, onRetry }: { text: string; onRetry: () => void }) {
  const m = t.value;
  return (
    <Empty icon="crit" title={m.cardFailed} text={text}>
      <button class="btn sm" onClick={onRetry}>
        <Icon name="refresh" size={14} />
        {m.retry}
      </button>
    </Empty>
  );
}
