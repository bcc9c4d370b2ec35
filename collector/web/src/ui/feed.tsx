// What live lists share: whether they follow, how many wait above, and older ones below.

import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { num } from '../i18n/format';
import { t } from '../i18n/index';
import { linkState, pausedAt, togglePause } from '../live/feed';
import type { Dated, RecordList } from '../live/records';
import { singleKeys } from '../state/prefs';
import { shown } from '../state/scope';
import { Icon } from './icon';

/** Where the list begins; what comes while that is above the screen waits. */
export function isAway(top: HTMLElement | null): boolean {
  return top !== null && top.getBoundingClientRect().top < 0;
}

/** J and K walk through a list, Enter opens what is chosen; never while typing. */
export function useListKeys(count: number, chosen: Signal<number>, open: (index: number) => void): void {
  const latest = useRef({ count, open });
  latest.current = { count, open };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!singleKeys.peek() || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target as HTMLElement;
      if (target.closest('input, textarea, select') || document.querySelector('dialog[open]')) return;
      const key = event.key.toLowerCase();
      if (key === 'j') chosen.value = Math.min(latest.current.count - 1, chosen.peek() + 1);
      else if (key === 'k') chosen.value = Math.max(0, chosen.peek() - 1);
      else if (key === 'enter' && chosen.peek() >= 0 && !target.closest('a, button'))
        latest.current.open(chosen.peek());
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => {
      removeEventListener('keydown', onKey);
      chosen.value = -1;
    };
  }, []);
}

function FollowState() {
  const m = t.value;
  if (!shown.value.isLive) {
    return (
      <span class="live unk">
        <Icon name="clock" size={12} />
        <b>{m.past}</b>
      </span>
    );
  }
  const isPaused = pausedAt.value !== null;
  const isOpen = linkState.value === 'open';
  const [color, word] = isPaused ? ['warn', m.paused] : isOpen ? ['ok', m.following] : ['warn', m.polling];
  return (
    <span class={`live ${color}`}>
      {isPaused ? <Icon name="pause" size={12} /> : <span class={`led ${isOpen ? 'pulse' : ''}`} />}
      <b>{word}</b>
    </span>
  );
}

interface BarProps {
  hint: string;
  children?: ComponentChildren;
}

export function FeedBar({ hint, children }: BarProps) {
  const m = t.value;
  const isPaused = pausedAt.value !== null;
  return (
    <div class="evbar">
      <FollowState />
      <span class="sub d-only">{shown.value.isLive ? hint : ''}</span>
      <span class="grow" />
      {children}
      {shown.value.isLive && (
        <button class="btn sm" onClick={togglePause} aria-pressed={isPaused}>
          <Icon name={isPaused ? 'play' : 'pause'} size={13} />
          {isPaused ? m.resume : m.pause}
        </button>
      )}
    </div>
  );
}

/** "32 new": shows what waited and goes up to it. */
export function WaitingButton<T extends Dated>({ list, top }: { list: RecordList<T>; top: () => HTMLElement | null }) {
  const count = list.waiting.value.length;
  if (count === 0) return null;
  const show = () => {
    list.reveal();
    top()?.scrollIntoView({ block: 'start' });
  };
  return (
    <button class="btn pri waiting" onClick={show}>
      <Icon name="up" size={14} />
      {t.value.countNew(num(count), count)}
    </button>
  );
}

interface OlderProps<T extends Dated> {
  list: RecordList<T>;
  ask: (before: string) => Promise<{ rows: readonly T[]; next: string | null }>;
}

export function OlderButton<T extends Dated>({ list, ask }: OlderProps<T>) {
  const m = t.value;
  const failure = list.failure.value;
  return (
    <footer>
      <span class="grow sub tn">{m.countRows(num(list.rows.value.length))}</span>
      {failure !== null && (
        <span class="sub crit" role="alert">
          {m.failed(failure)}
        </span>
      )}
      {list.next.value !== null && (
        <button class="btn sm" disabled={list.isAsking.value} onClick={() => void list.older(ask)}>
          <Icon name="down" size={13} />
          {m.older}
        </button>
      )}
    </footer>
  );
}
