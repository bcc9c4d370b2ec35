// The health checks of the page: asked for, and kept up to date by what is pushed.

import { signal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';

import { told } from '../api/client';
import type { CheckEvent, CheckRow } from '../api/types';
import { useAnswer, type Answer } from '../live/answer';
import * as clock from '../live/clock';
import { join } from '../live/feed';
import { RESULTS, withPushed } from './states';

/** Results between two answers that are kept: many checks, few of each. */
const PUSHED_MAX = 500;
/** A check that is not known yet is asked for, at most so often. */
const ASK_AGAIN_MS = 1_000;

interface Span {
  key: string;
  isLive: boolean;
  every: number | null;
  at: (now: number) => { from: number; to: number };
}

export function useChecks(span: Span): Answer<CheckRow[]> {
  const pushed = useMemo(() => signal<readonly CheckEvent[]>([]), []);
  const answer = useAnswer(span.key, span.every, async (aborter) => {
    const { from, to } = span.at(clock.now());
    const rows = await told.checks(from, to, RESULTS, aborter);
    return rows;
  });
  const { data } = answer;
  // What was asked for has it all.
  useEffect(() => {
    pushed.value = [];
  }, [data]);
  const { isLive } = span;
  const latest = useRef(answer);
  latest.current = answer;
  useEffect(() => {
    if (!isLive) return;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const leave = join('checks', (events) => {
      const news = events as CheckEvent[];
      pushed.value = [...pushed.peek(), ...news].slice(-PUSHED_MAX);
      const known = latest.current.data;
      const isNew = ({ resource, name }: CheckEvent) =>
        known?.every((row) => row.resource !== resource || row.name !== name) ?? false;
      if (!news.some(isNew)) return;
      timer ??= setTimeout(() => {
        timer = null;
        latest.current.retry();
      }, ASK_AGAIN_MS);
    });
    return () => {
      leave();
      if (timer !== null) clearTimeout(timer);
    };
  }, [isLive]);
  const events = pushed.value;
  const rows = useMemo(() => data && withPushed(data, events), [data, events]);
  return { ...answer, data: rows };
}
