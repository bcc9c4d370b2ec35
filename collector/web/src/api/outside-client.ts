// Requests to the collector about the systems around it.

import type { CacheMetrics } from './cache';
import { get, search } from './client';
import type {
  Infra,
  IntegrationsAnswer,
  OutsideAnswer,
  OutsideStatus,
  SentryHealth,
  SentryPerformance,
  Uptime,
  UsersOnline,
} from './outside';
import type { Celery, Rabbit } from './queues';

function snapshotAt<T>(path: string) {
  return (instance: string | null, signal?: AbortSignal) => {
    const parts = search({ instance });
    return get<OutsideAnswer<T>>(`api/${path}${parts === '' ? '' : `?${parts}`}`, signal);
  };
}

/** What a service outside knows of a monitor and own checks do not. */
const UNKNOWN = {
  checked_interval_s: null,
  uptime_7d: null,
  uptime_30d: null,
  since: null,
  tls_expires: null,
  last_incident: null,
};

/** Own checks answer together and not as an instance that is asked: they do well as long as their results are fresh. */
function ownChecks(answer: OutsideAnswer<Uptime>): OutsideAnswer<Uptime> {
  if (!answer.configured || answer.kind !== 'check') return answer;
  const since = answer.as_of ?? 0;
  const status: OutsideStatus = {
    state: answer.stale ? 'stale' : 'ok',
    since,
    last_ok: answer.as_of,
    last_error: null,
    missing: [],
    interval_s: 0,
    next_poll: null,
    rate_limit: null,
    latency_ms: null,
    text: '',
  };
  const monitors = (answer.monitors ?? []).map((monitor) => ({ ...UNKNOWN, ...monitor }));
  return { ...answer, instance: '', instances: [], status, monitors };
}

const uptimeAt = snapshotAt<Uptime>('dashboard/uptime/status');

/** Snapshots of an instance, named by its key; the first one of its kind when none is named. */
export const outside = {
  health: snapshotAt<SentryHealth>('dashboard/sentry/health'),
  performance: snapshotAt<SentryPerformance>('dashboard/sentry/performance'),
  redis: snapshotAt<CacheMetrics>('dashboard/redis/metrics'),
  celery: snapshotAt<Celery>('v1/celery'),
  rabbit: snapshotAt<Rabbit>('v1/queues'),
  infra: snapshotAt<Infra>('dashboard/infra/metrics'),
  uptime: async (instance: string | null, signal?: AbortSignal) => ownChecks(await uptimeAt(instance, signal)),
  users: snapshotAt<UsersOnline>('dashboard/users/online'),
  integrations: (signal?: AbortSignal) => get<IntegrationsAnswer>('api/v1/integrations', signal),
};
