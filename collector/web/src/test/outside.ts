// Answers about other systems for tests. The page itself never shows these.

import type {
  Configured,
  IntegrationsAnswer,
  Monitor,
  NotConfigured,
  OutsideStatus,
  SentryHealth,
} from '../api/outside';
import * as clock from '../live/clock';

export function statusSample(some: Partial<OutsideStatus> = {}): OutsideStatus {
  const now = clock.now();
  return {
    state: 'ok',
    since: now - 600_000,
    last_ok: now - 12_000,
    last_error: null,
    missing: [],
    interval_s: 60,
    next_poll: now + 48_000,
    rate_limit: null,
    latency_ms: 84,
    text: 'ok 12 s ago',
    ...some,
  };
}

/** A question that failed 190 s ago for the first time. */
export function failedSample(state: OutsideStatus['state'], code: string, http: number | null, message: string) {
  const now = clock.now();
  return statusSample({
    state,
    since: now - 190_000,
    last_ok: now - 200_000,
    last_error: { code, http_status: http, message, at: now },
    next_poll: now + 240_000,
    text: `failing for 3 min: ${message}`,
  });
}

export function notConfigured(kind: string): NotConfigured {
  return { configured: false, kind, instances: [], hint: 'Write it.', snippet: `[[${kind}]]\n` };
}

export function configuredSample(kind: string, some: Partial<Configured> = {}): Configured {
  return {
    configured: true,
    kind,
    instance: 'main',
    instances: [{ name: 'main', kind, state: 'ok' }],
    status: statusSample(),
    as_of: clock.now(),
    stale: false,
    ...some,
  };
}

export function answerSample<T>(
  kind: string,
  fields: T,
  status = statusSample(),
  isStale = false,
): Configured & Partial<T> {
  const instances = [{ name: 'main', kind, state: status.state }];
  return { ...fields, ...configuredSample(kind, { instances, status, as_of: status.last_ok, stale: isStale }) };
}

export function healthSample(some: Partial<SentryHealth> = {}): SentryHealth {
  const count = (n: number) => ({ count: n, is_capped: false });
  return {
    crash_free_users_1h: 0.99,
    crash_free_users_24h: 0.9924,
    crash_free_sessions_1h: null,
    crash_free_sessions_24h: 0.997,
    sessions_24h: 12_480,
    users_24h: 5_790,
    new_issues_1h: count(1),
    new_issues_24h: count(7),
    regressed: count(2),
    recurring: count(23),
    unresolved: { count: 100, is_capped: true },
    escalating: null,
    top_issues: [
      {
        title: 'KeyError: template',
        type: 'error',
        count: 128,
        users: 61,
        level: 'error',
        last_seen: clock.now() - 60_000,
        link: 'https://sentry.example/1',
      },
    ],
    link: 'https://sentry.example/issues',
    ...some,
  };
}

export function monitorSample(some: Partial<Monitor> = {}): Monitor {
  return {
    name: 'site',
    url: 'https://site.example',
    kind: 'https',
    state: 'online',
    checked_interval_s: 60,
    uptime_1d: 1,
    uptime_7d: 0.9999,
    uptime_30d: 0.99986,
    response_ms: 184,
    since: 0,
    tls_expires: null,
    last_incident: null,
    ...some,
  };
}

export function integrationsSample(status: OutsideStatus | null = null): IntegrationsAnswer {
  const kind = (name: string, title: string, group: 'code' | 'uptime' | 'cache') => ({
    kind: name,
    title,
    group,
    snippet: `[[${name}]]\nname = "main"\ntoken_env = "TOKEN"\n`,
    docs: null,
    instances: [],
  });
  const sentry = kind('sentry', 'Sentry', 'code');
  return {
    now: clock.now(),
    kinds: [
      status === null
        ? sentry
        : { ...sentry, instances: [{ name: 'main', target: 'sentry.example/acme', resource: 20, status }] },
      kind('redis', 'Redis', 'cache'),
      kind('uptimerobot', 'UptimeRobot', 'uptime'),
    ],
  };
}
