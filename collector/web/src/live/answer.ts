// An answer of the API for as long as a component shows it: asked for, asked for again while live, kept when a later
// question fails. Bounded: one request at a time.

import { useEffect, useRef, useState } from 'preact/hooks';

import * as clock from './clock';
import { pausedAt, refresh } from './feed';

export interface Answer<T> {
  data: T | null;
  /** Why the newest question failed; null when it did not. */
  failure: string | null;
  /** When the data came, by the collector's clock. */
  at: number;
  /** The data belongs to an earlier question, the answer to this one is on its way. */
  isOld: boolean;
  retry: () => void;
}

interface Held<T> {
  key: string;
  data: T | null;
  failure: string | null;
  at: number;
}

/**
 * Asks whenever `key` changes or something was missed, and every `every` milliseconds unless that is null. A pause and a
 * hidden tab ask for nothing.
 */
export function useAnswer<T>(key: string, every: number | null, ask: (signal: AbortSignal) => Promise<T>): Answer<T> {
  const [held, hold] = useState<Held<T>>({ key, data: null, failure: null, at: 0 });
  const [attempt, again] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  const missed = refresh.value;
  useEffect(() => {
    const aborter = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = () => {
      if (every !== null && !aborter.signal.aborted) timer = setTimeout(() => void round(), every);
    };
    const round = async () => {
      if (document.hidden || pausedAt.peek() !== null) {
        next();
        return;
      }
      try {
        const data = await latest.current(aborter.signal);
        if (aborter.signal.aborted) return;
        hold({ key, data, failure: null, at: clock.now() });
      } catch (error) {
        if (aborter.signal.aborted) return;
        const failure = error instanceof Error ? error.message : String(error);
        // What an earlier question brought is no answer to this one.
        hold((old) => (old.key === key ? { ...old, failure } : { key, data: null, failure, at: 0 }));
      }
      next();
    };
    void round();
    return () => {
      aborter.abort();
      clearTimeout(timer);
    };
  }, [key, every, missed, attempt]);
  return {
    data: held.data,
    failure: held.failure,
    at: held.at,
    isOld: held.key !== key,
    retry: () => again(attempt + 1),
  };
}

/** So long a page waits to show everything at once; a question that hangs does not hold it longer. */
const PATIENCE_MS = 1_000;

/** Whether all have been answered, or failed. What is shown at once moves nothing that is already being read. */
export function useSettled(answers: readonly Pick<Answer<unknown>, 'data' | 'failure'>[]): boolean {
  const [isOver, end] = useState(false);
  const isSettled = isOver || answers.every(({ data, failure }) => data !== null || failure !== null);
  useEffect(() => {
    if (isSettled) {
      end(true);
      return;
    }
    const timer = setTimeout(() => end(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [isSettled]);
  return isSettled;
}
