// Records of applications for tests. The page itself never shows these.

import type { CheckRow, ErrorType, EventsAnswer, LatencyAnswer, LogRow, RequestRow, SeriesRow } from '../api/types';

export function requestSample(some: Partial<RequestRow> = {}): RequestRow {
  return {
    time: 1_000_000,
    service: 7,
    method: 'GET',
    route: '/users/{id}',
    path: '/users/42',
    status: 200,
    duration_ms: 12.5,
    tenant: 'acme',
    user: null,
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    exception: null,
    ...some,
  };
}

/** Three minutes, of which the first had no request. */
export function latencySample(): LatencyAnswer {
  const point = { mean_ms: 10, p50_ms: 8, p95_ms: 20, p99_ms: 30 };
  return {
    from: 0,
    to: 180_000,
    step: 60_000,
    points: [
      { time: 60_000, count: 10, failed: 1, ...point },
      { time: 120_000, count: 2, failed: 0, ...point },
    ],
    statuses: [
      { status: 200, count: 11 },
      { status: 500, count: 1 },
    ],
    total: {
      count: 12,
      failed: 1,
      error_ratio: 1 / 12,
      min_ms: 1,
      max_ms: 40,
      apdex: 0.94,
      ...point,
    },
  };
}

export function logSample(some: Partial<LogRow> = {}): LogRow {
  return {
    id: 1,
    time: 1_000_000,
    service: 7,
    level: 'error',
    message: 'it broke',
    source: 'app.log',
    exception: 'ValueError',
    stack: 'Traceback\n  File "a.py", line 1',
    tenant: null,
    trace_id: null,
    ...some,
  };
}

export function errorSample(some: Partial<ErrorType> = {}): ErrorType {
  return {
    type: 'ValueError',
    count: 3,
    origin: 'request',
    service: 7,
    last: { time: 1_000_000, message: 'bad id', stack: 'in a.py', route: '/users/{id}', tenant: null, trace_id: null },
    ...some,
  };
}

export function eventsSample(): EventsAnswer {
  return {
    events: [
      {
        id: 1,
        time: 1_000_000,
        service: 7,
        type: 'MessageSent',
        tenant: 'acme',
        payload: { message_id: 'm1', to: '***', status: 'sent' },
      },
    ],
    next: null,
    counts: [{ type: 'MessageSent', count: 1 }],
    derived: { 'farol.messages.sent': 1, 'farol.ai.tokens': null },
  };
}

export function checkSample(some: Partial<CheckRow> = {}): CheckRow {
  const point = { time: 1_000, state: 'online' as const, success: true, latency_ms: 4, detail: null };
  return {
    resource: 1,
    name: 'main-db',
    kind: 'postgres',
    target: '127.0.0.1:5432',
    state: 'online',
    availability: 1,
    mean_latency_ms: 4,
    total: 1,
    time: 1_000,
    detail: null,
    results: [point],
    ...some,
  };
}

let series = 1;

export function seriesSample(metric: string, some: Partial<SeriesRow> = {}): SeriesRow {
  return { id: series++, resource: 7, metric, unit: '1', kind: 'gauge', attributes: {}, ...some };
}
