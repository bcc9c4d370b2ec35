// Redis over the API: what its figures are, and what may be done to its keys.

import { get, post, search } from './client';

/** A node of a Cluster, as far as it says something about itself. */
export interface CacheNode {
  node?: string;
  address?: string;
  role?: string | null;
  state?: string | null;
  keys?: number | null;
  used_memory?: number | null;
  maxmemory?: number | null;
  connected_clients?: number | null;
  ops_per_sec?: number | null;
}

export interface SlowCommand {
  time: number;
  duration_us: number;
  /** Name of the command and how many keys it had; never a value. */
  command: string;
}

/** Ratios from 0 to 1, bytes, seconds; what could not be read is null or absent. */
export interface CacheMetrics {
  version: string | null;
  mode: string | null;
  role: string | null;
  uptime_s: number | null;
  keyspace_hits: number | null;
  keyspace_misses: number | null;
  hit_ratio: number | null;
  hit_ratio_lifetime: number | null;
  used_memory: number | null;
  /** 0: no limit was set. */
  maxmemory: number | null;
  memory_limit: number | null;
  peak_memory: number | null;
  rss_memory: number | null;
  fragmentation_ratio: number | null;
  maxmemory_policy: string | null;
  connected_clients: number | null;
  blocked_clients: number | null;
  maxclients: number | null;
  keys: number | null;
  databases: { db: number; keys: number; expires: number | null }[] | null;
  evicted_keys: number | null;
  expired_keys: number | null;
  ops_per_sec: number | null;
  ping_ms: number | null;
  persistence: {
    loading: boolean | null;
    rdb_status: string | null;
    aof_enabled: boolean | null;
    aof_status: string | null;
    changes_since_save: number | null;
  } | null;
  replication: {
    role: string | null;
    link: string | null;
    replicas: number | null;
    lag_s: number | null;
    offset: number | null;
  } | null;
  slow_log: SlowCommand[] | null;
  nodes: CacheNode[] | null;
  /** Whether the configuration lets anybody inspect or delete. */
  allow_actions: boolean;
}

export interface Inspected {
  instance: string;
  key: string;
  db: number;
  type: string;
  exists: boolean;
  /** Null: it does not expire. */
  ttl_ms: number | null;
  memory: number | null;
  encoding: string | null;
  /** Elements of a collection, bytes of a string. */
  size: number | null;
  format: string;
  value: unknown;
  raw: string | null;
  /** Paths of the fields whose values were left out. */
  masked: string[];
  /** More is there than is shown. */
  is_cut: boolean;
}

export interface Preview {
  count: number;
  /** There are at least so many. */
  is_cut: boolean;
  examples: string[];
  bytes_estimate: number | null;
  took_ms: number;
}

export interface Deleted {
  state: 'done';
  deleted: number;
  /** Under which the keys can be brought back for ten minutes; null when they were not kept. */
  undo: string | null;
}

export interface Progress {
  state: 'running' | 'done' | 'cancelled' | 'failed' | 'partial';
  scanned: number;
  deleted: number;
  total: number | null;
  undo: string | null;
  detail?: string | null;
}

export interface Flushed {
  state: string;
  keys_before: number | null;
  keys_after: number | null;
}

export interface AuditEntry {
  id: number | string;
  time: number;
  username: string;
  action: string;
  /** The instance. */
  target: string | null;
  /** What of it: a key, a pattern, a database. */
  detail: { key?: string; pattern?: string; db?: number | null } | null;
  count: number | null;
  result: string;
  reason: string | null;
}

/** Where keys are meant: the instance, and the database unless it is the usual one. */
export interface Place {
  instance: string;
  db?: number;
}

export interface PatternOrder extends Place {
  pattern: string;
  expected: number;
  /** The instance's name, typed or taken over. */
  confirm: string;
  reason?: string;
  include_queues?: boolean;
}

const REDIS = 'api/dashboard/redis';

/** Every request about the keys of a Redis. */
export const cache = {
  inspect: (order: Place & { key: string; unmask?: string[] }) => post<Inspected>(`${REDIS}/inspect_key`, order),
  remove: (order: Place & { key: string }) => post<Deleted>(`${REDIS}/del_key`, order),
  preview: (order: Place & { pattern: string; include_queues?: boolean }) =>
    post<Preview>(`${REDIS}/del_key`, { ...order, preview: true }),
  /** Either it was done at once, or a job does it. */
  removePattern: (order: PatternOrder) => post<Deleted | { job: string }>(`${REDIS}/del_key`, order),
  flush: (order: Place & { confirm: string; reason?: string }) => post<Flushed>(`${REDIS}/flushall`, order),
  undo: (order: { instance: string; undo: string }) =>
    post<{ restored: number; skipped: number }>(`${REDIS}/undo`, order),
  progress: (job: string) => get<Progress>(`api/v1/actions/${encodeURIComponent(job)}`),
  stop: (job: string) => post<unknown>(`api/v1/actions/${encodeURIComponent(job)}/cancel`, {}),
  audit: (limit: number, signal?: AbortSignal) =>
    get<{ entries: AuditEntry[] }>(`api/v1/audit?${search({ limit })}`, signal),
};
