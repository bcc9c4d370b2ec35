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
}

export interface AuthState {
  setup_required: boolean;
  version: string;
}

/** One message of the WebSocket, either way. */
export interface Envelope {
  message_type: string;
  payload: unknown;
  timestamp: number;
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
