// An answer that is asked for once and again after every change: nothing here moves by itself, so nothing polls.

import { useEffect, useRef, useState } from 'preact/hooks';

import { now } from '../live/clock';
import type { Answer } from '../live/answer';
import { refusal } from '../cache/refusal';

/** Asks when `key` changes and when told to. A later failure keeps what is shown. */
export function useLoaded<T>(key: string, ask: (signal: AbortSignal) => Promise<T>): Answer<T> {
  const [held, hold] = useState<{ key: string; data: T | null; failure: string | null; at: number }>({
    key,
    data: null,
    failure: null,
    at: 0,
  });
  const [attempt, again] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    const aborter = new AbortController();
    latest.current(aborter.signal).then(
      (data) => !aborter.signal.aborted && hold({ key, data, failure: null, at: now() }),
      (error: unknown) => {
        if (aborter.signal.aborted) return;
        const failure = refusal(error);
        hold((old) => (old.key === key ? { ...old, failure } : { key, data: null, failure, at: 0 }));
      },
    );
    return () => aborter.abort();
  }, [key, attempt]);
  return {
    data: held.data,
    failure: held.failure,
    at: held.at,
    isOld: held.key !== key,
    retry: () => again((count) => count + 1),
  };
}
