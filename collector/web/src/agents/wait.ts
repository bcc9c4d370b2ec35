// Waiting for the first sample of one token's agent: asks the collector every second, for half an hour at most.

import { useEffect, useRef, useState } from 'preact/hooks';

import { agentTokens, type Arrivals } from '../api/access';

/** Time between two questions. */
export const ASK_EVERY_MS = 1_000;
/** Without a sample for so long, the page says what the collector knows. */
export const LATE_MS = 60_000;
/** Nobody sits before a page for longer. */
const GIVE_UP_MS = 30 * 60_000;

export interface Waiting {
  /** The newest answer. */
  told: Arrivals | null;
  /** Whether the newest question had no answer. */
  isAlone: boolean;
  isOver: boolean;
  /** When the waiting began, by this browser's clock. */
  since: number;
  stop: () => void;
  again: () => void;
}

/** Asks until an agent has delivered, the person stops it, or the time is over. */
export function useArrival(id: number): Waiting {
  const [told, tell] = useState<Arrivals | null>(null);
  const [isAlone, leave] = useState(false);
  const [isOver, end] = useState(false);
  const [since, begin] = useState(() => Date.now());
  const last = useRef(since);
  last.current = since;
  useEffect(() => {
    if (isOver) return;
    const aborter = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const round = async () => {
      try {
        const answer = await agentTokens.arrivals(id, aborter.signal);
        if (aborter.signal.aborted) return;
        tell(answer);
        leave(false);
        if (answer.agents.length > 0) return;
      } catch {
        if (aborter.signal.aborted) return;
        leave(true);
      }
      if (Date.now() - last.current > GIVE_UP_MS) end(true);
      else timer = setTimeout(() => void round(), ASK_EVERY_MS);
    };
    void round();
    return () => {
      aborter.abort();
      clearTimeout(timer);
    };
  }, [id, isOver, since]);
  return {
    told,
    isAlone,
    isOver,
    since,
    stop: () => end(true),
    again: () => {
      begin(Date.now());
      end(false);
    },
  };
}
