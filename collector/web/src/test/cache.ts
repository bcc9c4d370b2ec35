// Answers about caches and queues for tests. The page itself never shows these.

import type { CacheMetrics } from '../api/cache';
import type { Celery, Rabbit } from '../api/queues';
import type { Configured, Shot } from '../api/outside';
import * as clock from '../live/clock';
import { configuredSample } from './outside';

export function cacheSample(some: Partial<CacheMetrics> = {}, about: Partial<Configured> = {}): Shot<CacheMetrics> {
  return {
    ...configuredSample('redis', about),
    version: '7.4.1',
    mode: 'standalone',
    role: 'master',
    uptime_s: 3_600,
    keyspace_hits: 974,
    keyspace_misses: 26,
    hit_ratio: 0.974,
    hit_ratio_lifetime: 0.96,
    used_memory: 200 * 1024 * 1024,
    maxmemory: 400 * 1024 * 1024,
    memory_limit: 400 * 1024 * 1024,
    peak_memory: null,
    rss_memory: null,
    fragmentation_ratio: 1.08,
    maxmemory_policy: 'allkeys-lru',
    connected_clients: 84,
    blocked_clients: 0,
    maxclients: null,
    keys: 48_212,
    databases: [
      { db: 0, keys: 48_000, expires: 100 },
      { db: 1, keys: 212, expires: null },
    ],
    evicted_keys: null,
    expired_keys: null,
    ops_per_sec: 3_203,
    ping_ms: 0.4,
    persistence: null,
    replication: null,
    slow_log: [],
    nodes: null,
    allow_actions: true,
    ...some,
  };
}

export function celerySample(some: Partial<Celery> = {}): Shot<Celery> {
  return {
    ...configuredSample('celery'),
    broker: 'redis 127.0.0.1:6379/1',
    events: true,
    queued: 1_250,
    scheduled: null,
    active: 16,
    reserved: null,
    processed_1h: 12_480,
    succeeded_1h: 12_442,
    failed_1h: 38,
    retried_1h: 9,
    failure_ratio: 0.003,
    mean_s: 1.84,
    p50_s: 1,
    p95_s: 11.4,
    workers_online: 1,
    workers_total: 2,
    queues: [
      { name: 'celery', length: 1_250 },
      { name: 'reports', length: null },
    ],
    workers: [
      {
        name: 'celery@one',
        pid: 1,
        state: 'late',
        active: 8,
        processed_1h: 5,
        failed_1h: 1,
        load: [1, 1, 1],
        version: '5.4',
        last_seen: clock.now(),
      },
    ],
    tasks: [
      { name: 'send', count: 10, succeeded: 9, failed: 1, retried: 0, mean_s: 1, p95_s: null, last_error: 'Boom' },
    ],
    failures: [],
    notes: ['Priorities are on.'],
    ...some,
  };
}

export function rabbitSample(some: Partial<Rabbit> = {}): Shot<Rabbit> {
  return {
    ...configuredSample('rabbitmq'),
    version: '3.13',
    cluster: null,
    node: null,
    alarms: [{ node: 'rabbit@a', kind: 'disk' }],
    health: [],
    totals: {
      ready: 1_267,
      unacked: 16,
      total: 1_283,
      publish_rate: 10,
      deliver_rate: 20,
      ack_rate: 20,
      connections: 1,
      channels: 1,
      consumers: 4,
      queues: 2,
    },
    queues: [queueSample('celery', 1_250, 4), queueSample('dead', 17, 0)],
    total_count: 2,
    is_cut: false,
    nodes: [],
    ...some,
  };
}

export function queueSample(name: string, ready: number, consumers: number): NonNullable<Rabbit['queues']>[number] {
  const rates = { publish_rate: 1, deliver_rate: 2, ack_rate: 2 };
  return {
    ...rates,
    name,
    vhost: '/',
    type: 'classic',
    state: 'running',
    ready,
    unacked: 0,
    total: ready,
    consumers,
    memory: null,
    drain_s: null,
  };
}
