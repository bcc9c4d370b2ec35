// Requests to the collector about the systems around it.

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

function dashboard<T>(path: string) {
  return (instance: string | null, signal?: AbortSignal) => {
    const parts = search({ instance });
    return get<OutsideAnswer<T>>(`api/dashboard/${path}${parts === '' ? '' : `?${parts}`}`, signal);
  };
}

/** Snapshots of an instance; the first one of its kind when none is named. */
export const outside = {
  health: dashboard<SentryHealth>('sentry/health'),
  performance: dashboard<SentryPerformance>('sentry/performance'),
  infra: dashboard<Infra>('infra/metrics'),
  uptime: dashboard<Uptime>('uptime/status'),
  users: dashboard<UsersOnline>('users/online'),
  integrations: (signal?: AbortSignal) => get<IntegrationsAnswer>('api/v1/integrations', signal),
};
