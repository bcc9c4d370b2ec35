// Requests to the collector about the systems around it.

import type { CacheMetrics } from './cache';
import { get, search } from './client';
import type {
  Infra,
  IntegrationsAnswer,
  OutsideAnswer,
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

/** Snapshots of an instance, named by its key; the first one of its kind when none is named. */
export const outside = {
  health: snapshotAt<SentryHealth>('dashboard/sentry/health'),
  performance: snapshotAt<SentryPerformance>('dashboard/sentry/performance'),
  redis: snapshotAt<CacheMetrics>('dashboard/redis/metrics'),
  celery: snapshotAt<Celery>('v1/celery'),
  rabbit: snapshotAt<Rabbit>('v1/queues'),
  infra: snapshotAt<Infra>('dashboard/infra/metrics'),
  uptime: snapshotAt<Uptime>('dashboard/uptime/status'),
  users: snapshotAt<UsersOnline>('dashboard/users/online'),
  integrations: (signal?: AbortSignal) => get<IntegrationsAnswer>('api/v1/integrations', signal),
};
