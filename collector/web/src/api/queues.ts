// What the collector's API says of queues: Celery's tasks and workers, RabbitMQ's queues and nodes.

/** Rates are messages a second, memory is bytes; what is not known is null. */
export interface RabbitQueue {
  name: string;
  vhost: string;
  type: string | null;
  state: string | null;
  ready: number | null;
  unacked: number | null;
  total: number | null;
  consumers: number | null;
  memory: number | null;
  publish_rate: number | null;
  deliver_rate: number | null;
  ack_rate: number | null;
  /** How long it takes to empty at this rate; null when it does not. */
  drain_s: number | null;
}

export interface RabbitNode {
  name: string;
  running: boolean;
  mem_used: number | null;
  mem_limit: number | null;
  mem_alarm: boolean | null;
  disk_free: number | null;
  disk_free_limit: number | null;
  disk_free_alarm: boolean | null;
  fd_used: number | null;
  fd_total: number | null;
  uptime_s: number | null;
  partitions: unknown;
}

export interface Rabbit {
  version: string | null;
  cluster: string | null;
  node: string | null;
  alarms: { node: string; kind: string }[] | null;
  health: { check: string; ok: boolean; reason: string | null }[] | null;
  totals: {
    ready: number | null;
    unacked: number | null;
    total: number | null;
    publish_rate: number | null;
    deliver_rate: number | null;
    ack_rate: number | null;
    connections: number | null;
    channels: number | null;
    consumers: number | null;
    queues: number | null;
  } | null;
  queues: RabbitQueue[] | null;
  total_count: number | null;
  is_cut: boolean;
  nodes: RabbitNode[] | null;
}

export interface CeleryWorker {
  name: string;
  pid: number | null;
  state: 'online' | 'late' | 'offline';
  active: number | null;
  processed_1h: number | null;
  failed_1h: number | null;
  load: number | readonly number[] | null;
  version: string | null;
  last_seen: number | null;
}

export interface CeleryTask {
  name: string;
  count: number;
  succeeded: number | null;
  failed: number | null;
  retried: number | null;
  mean_s: number | null;
  p95_s: number | null;
  last_error: string | null;
}

export interface CeleryFailure {
  time: number;
  task: string | null;
  id: string;
  worker: string | null;
  exception: string | null;
  route?: string | null;
}

export interface Celery {
  broker: string | null;
  /** Whether task events arrive; without them only lengths are known. */
  events: boolean;
  queued: number | null;
  scheduled: number | null;
  active: number | null;
  reserved: number | null;
  processed_1h: number | null;
  succeeded_1h: number | null;
  failed_1h: number | null;
  retried_1h: number | null;
  failure_ratio: number | null;
  mean_s: number | null;
  p50_s: number | null;
  p95_s: number | null;
  workers_online: number | null;
  workers_total: number | null;
  queues: { name: string; length: number | null; by_priority?: { priority: number; length: number }[] | null }[] | null;
  workers: CeleryWorker[] | null;
  tasks: CeleryTask[] | null;
  failures: CeleryFailure[] | null;
  notes: string[] | null;
}
