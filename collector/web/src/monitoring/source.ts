// The page's figures: pushed in the room `system`; asked for every 5 s while the socket cannot connect or says nothing.

import { useEffect, useMemo } from 'preact/hooks';

import { get } from '../api/client';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { join, linkState, now } from '../live/feed';
import { History, readStats, type Stats } from './stats';

interface SystemAnswer {
  data: Stats;
  at?: number;
}

/** How often it is asked for where it is not pushed. */
const POLL_MS = 5_000;
/** An open socket that says nothing for so long does not carry the room. */
const SILENT_MS = 15_000;

export interface Monitored {
  history: History;
  isPolled: boolean;
  failure: string | null;
  retry: () => void;
}

export function useMonitored(): Monitored {
  const history = useMemo(() => new History(), []);
  const openedAt = useMemo(() => clock.now(), []);
  useEffect(() => join('system', (told) => history.take(readStats(told.at(-1)), clock.now())), [history]);
  const heard = history.newest?.at ?? openedAt;
  const isOpen = linkState.value === 'open' || linkState.value === 'connecting' || linkState.value === 'idle';
  const isPolled = !isOpen || now.value - heard > SILENT_MS;
  const answer = useAnswer('system', isPolled ? POLL_MS : null, (signal) =>
    get<SystemAnswer>('api/monitoring/system', signal),
  );
  const { data, at } = answer;
  useEffect(() => {
    if (data) history.take(readStats(data.data), at);
  }, [data]);
  // Pushed figures need no answer.
  const failure = history.newest === null || isPolled ? answer.failure : null;
  return { history, isPolled, failure, retry: answer.retry };
}
