// What the collector's API says, as the page reads it. Times are milliseconds since the epoch; absent numbers are null.

export type Kind = 'host' | 'container' | 'unit' | 'service' | 'external';
export type Status = 'ok' | 'warning' | 'critical' | 'silent';

export interface Reason {
  code: string;
  value: number | null;
  threshold: number | null;
  detail: string | null;
}

/** The newest figures of a resource: ratios from 0 to 1, bytes, bytes per second, cores, seconds. */
export interface Latest {
  cpu_ratio: number | null;
  cpu_used: number | null;
  cpu_limit: number | null;
  memory_used: number | null;
  memory_limit: number | null;
  memory_ratio: number | null;
  disk_ratio: number | null;
  disk_mount: string | null;
  network_in: number | null;
  network_out: number | null;
  disk_read: number | null;
  disk_write: number | null;
  pressure_cpu: number | null;
  pressure_memory: number | null;
  pressure_io: number | null;
  throttled_ratio: number | null;
  oom_kills: number | null;
  uptime: number | null;
  /** Of a service over the last minute: requests a second, share that failed, 95th percentile in seconds. */
  request_rate: number | null;
  error_ratio: number | null;
  p95: number | null;
}

export interface ResourceRow {
  id: number;
  key: string;
  name: string;
  kind: Kind;
  parent: number | null;
  tenant: string | null;
  attributes: Record<string, string>;
  agent: string;
  first_seen: number;
  last_seen: number;
  interval_ms: number;
  status: Status;
  reasons: Reason[];
  /** Its agent goes on without it: a container that no longer runs. Absent means no. */
  ended?: boolean;
  latest: Latest;
}

export interface ResourcesAnswer {
  now: number;
  resources: ResourceRow[];
}

export interface SeriesRow {
  id: number;
  resource: number;
  metric: string;
  unit: string;
  kind: string;
  attributes: Record<string, string>;
}

export type Point = [time: number, value: number | null];

export interface QueryAnswer {
  from: number;
  to: number;
  step: number;
  tier: string;
  series: (Omit<SeriesRow, 'kind'> & { points: Point[] })[];
}

export interface HistoryAnswer {
  from: number;
  to: number;
  step: number;
  series: { resource: number; name: string; cpu_ratio: Point[]; memory_ratio: Point[] }[];
}

export interface Completeness {
  agent: string;
  expected: number;
  stored: number;
  late: number;
  repeated: number;
  lost: { cause: string; samples: number }[];
  /** Samples that nobody can account for. */
  missing?: number;
  newest: number | null;
  boots: number;
}

export interface User {
  username: string;
  role: string;
  /** The only tenant that is seen; null or absent: the whole house. */
  tenant?: string | null;
  /** Whether `/monitoring` and its stream are open to this person. */
  monitoring?: boolean;
}

export interface AuthState {
  setup_required: boolean;
  version: string;
  /** Providers that people may sign in with. */
  oidc?: Provider[];
}

export interface Provider {
  name: string;
  title: string;
}

/** One message of the WebSocket, either way. */
export interface Envelope {
  message_type: string;
  payload: unknown;
  timestamp: number;
  /** Small panels expect a shape of its own for some: `system_stats` with `data`. */
  event?: string;
  data?: unknown;
}

/** One request, whole. */
export interface RequestRow {
  time: number;
  service: number;
  method: string;
  route: string;
  path: string | null;
  /** 0 when there was no answer. */
  status: number;
  duration_ms: number;
  tenant: string | null;
  user: string | null;
  trace_id: string | null;
  exception: string | null;
}

export interface RecentRequests {
  /** Newest first. */
  requests: RequestRow[];
  count: number;
  mean_ms: number | null;
  min_ms: number | null;
  max_ms: number | null;
}

export interface EndpointRow {
  method: string;
  route: string;
  count: number;
  failed: number;
  /** Of all requests of the range, from 0 to 1. */
  share: number;
  mean_ms: number | null;
  min_ms: number | null;
  max_ms: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

export interface LatencyPoint {
  time: number;
  count: number;
  failed: number;
  mean_ms: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

export interface LatencyAnswer {
  from: number;
  to: number;
  step: number;
  /** Steps without a request are absent. */
  points: LatencyPoint[];
  statuses: { status: number; count: number }[];
  total: {
    count: number;
    failed: number;
    error_ratio: number | null;
    mean_ms: number | null;
    min_ms: number | null;
    max_ms: number | null;
    p50_ms: number | null;
    p95_ms: number | null;
    p99_ms: number | null;
    apdex: number | null;
  };
}

export interface TenantRow {
  /** Null: requests that named none. */
  tenant: string | null;
  count: number;
  failed: number;
  share: number;
  mean_ms: number | null;
  p95_ms: number | null;
  /** Time spent in slow requests, and its share of all such time. */
  slow_ms: number;
  slow_share: number;
}

export interface ErrorHours {
  step: number;
  hours: { time: number; requests_failed: number; exceptions: number; log_errors: number }[];
}

export interface ErrorType {
  type: string;
  count: number;
  /** `request`, `span` or `log`. */
  origin: string;
  service: number;
  last: {
    time: number;
    message: string | null;
    stack: string | null;
    route: string | null;
    tenant: string | null;
    trace_id: string | null;
  };
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface LogRow {
  /** Absent in what is pushed before it was asked for. */
  id?: number | null;
  time: number;
  service: number;
  level: LogLevel;
  message: string;
  source: string | null;
  exception: string | null;
  stack: string | null;
  tenant: string | null;
  trace_id: string | null;
}

export interface LogsAnswer {
  /** Newest first. */
  logs: LogRow[];
  /** Where the older ones begin; null when there are none. */
  next: string | null;
}

export interface EventRow {
  id?: number | null;
  time: number;
  service: number;
  type: string;
  tenant: string | null;
  payload: unknown;
}

export interface EventsAnswer {
  events: EventRow[];
  next: string | null;
  counts: { type: string; count: number }[];
  /** Counters and gauges made of events; null where nothing was told. */
  derived: Record<string, number | null>;
}

export type CheckState = 'online' | 'degraded' | 'offline';

export interface CheckPoint {
  time: number;
  state: CheckState;
  success: boolean;
  latency_ms: number | null;
  detail: string | null;
}

export interface CheckRow {
  resource: number;
  name: string;
  kind: string;
  target: string;
  state: CheckState;
  /** Share of the checks of the range that succeeded; null when there were none. */
  availability: number | null;
  mean_latency_ms: number | null;
  total: number;
  /** Of the newest result. */
  time: number;
  detail: string | null;
  /** Newest first. */
  results: CheckPoint[];
}

/** A check as it is pushed. */
export interface CheckEvent extends CheckPoint {
  resource: number;
  name: string;
}

export interface CompareRow {
  resource: number;
  metric: string;
  attributes: Record<string, string>;
  unit: string;
  today: number | null;
  yesterday: number | null;
  difference: number | null;
  percent: number | null;
  direction: 'up' | 'down' | 'same' | null;
  /** Which way is good for this metric. */
  good: 'up' | 'down' | 'neither';
  is_better: boolean | null;
}

export interface CompareAnswer {
  from: number;
  to: number;
  before_from: number;
  before_to: number;
  metrics: CompareRow[];
}

/** Payload of the overview room. */
export interface OverviewPayload {
  room: string;
  resources: { id: number; time: number; status: Status; reasons: Reason[]; ended?: boolean; latest: Latest }[];
}

/** Payload of a resource's room: values by series, counters as a rate per second. */
export interface FramePayload {
  room: string;
  time: number;
  generation: number;
  values: [series: number, value: number | null][];
}
