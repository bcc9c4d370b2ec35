// What the collector's API says of the systems around it. Times are milliseconds since the epoch; what is not known is null.

export type OutsideState =
  'ok' | 'pending' | 'stale' | 'auth_error' | 'unreachable' | 'bad_answer' | 'partial' | 'not_configured';

/** A part that could not be read, and why. */
export interface Missing {
  part: string;
  code: string;
  message: string;
}

/** How the polls of one instance go. */
export interface OutsideStatus {
  state: OutsideState;
  since: number;
  last_ok: number | null;
  last_error: { code: string; http_status: number | null; message: string; at: number } | null;
  /** Parts that the newest answer lacks. */
  missing: Missing[];
  interval_s: number;
  next_poll: number | null;
  rate_limit: { limit: number | null; remaining: number | null; reset_at: number | null } | null;
  latency_ms: number | null;
  /** In English, for logs and titles. */
  text: string;
}

export interface InstanceName {
  name: string;
  kind: string;
  state: OutsideState;
}

export interface NotConfigured {
  configured: false;
  kind: string;
  instances: [];
  hint: string;
  snippet: string;
}

/** What every answer about a configured instance has; the fields of its snapshot stand beside, once there was one. */
export interface Configured {
  configured: true;
  kind: string;
  instance: string;
  instances: InstanceName[];
  status: OutsideStatus;
  /** When what it shows was read; null when nothing was read yet. */
  as_of: number | null;
  stale: boolean;
}

/** An answer whose snapshot `T` is there once something was read. */
export type OutsideAnswer<T> = NotConfigured | (Configured & Partial<T>);

/** An answer with its snapshot. */
export type Shot<T> = Configured & T;

/** The answer with its snapshot, or null where there is none yet. */
export function snapshot<T>(answer: OutsideAnswer<T> | null): Shot<T> | null {
  return answer?.configured === true && answer.as_of !== null ? (answer as Shot<T>) : null;
}

/** How an instance is asked for: two kinds may each have one of the same name. */
export function instanceKey({ kind, name }: Pick<InstanceName, 'kind' | 'name'>): string {
  return `${kind}:${name}`;
}

/** A configured answer, or null. */
export function configured<T>(answer: OutsideAnswer<T> | null): (Configured & Partial<T>) | null {
  return answer?.configured === true ? answer : null;
}

export interface IssueCount {
  count: number;
  /** There are at least so many. */
  is_capped: boolean;
}

export interface TopIssue {
  title: string;
  type: string | null;
  count: number | null;
  users: number | null;
  level: string | null;
  last_seen: number | null;
  link: string | null;
}

export interface SentryHealth {
  crash_free_users_1h: number | null;
  crash_free_users_24h: number | null;
  crash_free_sessions_1h: number | null;
  crash_free_sessions_24h: number | null;
  sessions_24h: number | null;
  users_24h: number | null;
  new_issues_1h: IssueCount | null;
  new_issues_24h: IssueCount | null;
  regressed: IssueCount | null;
  recurring: IssueCount | null;
  unresolved: IssueCount | null;
  escalating: IssueCount | null;
  top_issues: TopIssue[] | null;
  link: string | null;
}

export interface Transaction {
  transaction: string;
  method: string | null;
  count: number | null;
  mean_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  failure_ratio: number | null;
}

export interface SentryPerformance {
  transactions: Transaction[] | null;
  mean_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  count: number | null;
  failure_ratio: number | null;
  errors_5xx: number | null;
  window_s: number;
  sampled: boolean;
  latency: [time: number, mean: number | null][] | null;
}

export interface InfraTarget {
  name: string;
  kind: string;
  cpu_ratio: number | null;
  memory_ratio: number | null;
  cpu_used: number | null;
  cpu_limit: number | null;
  memory_used: number | null;
  memory_limit: number | null;
  network_in: number | null;
  network_out: number | null;
  disk_ratio: number | null;
  metrics: { name: string; value: number | null; unit: string }[] | null;
  /** Why there are no figures. */
  reason: string | null;
  at: number | null;
}

export interface Infra {
  provider: string;
  targets: InfraTarget[] | null;
  deployments: { name: string; state: string; at: number | null; url: string | null }[] | null;
}

export type MonitorState = 'online' | 'degraded' | 'offline' | 'paused' | 'unknown';

export interface Monitor {
  name: string;
  url: string | null;
  kind: string;
  state: MonitorState;
  checked_interval_s: number | null;
  uptime_1d: number | null;
  uptime_7d: number | null;
  uptime_30d: number | null;
  response_ms: number | null;
  since: number | null;
  tls_expires: number | null;
  last_incident: { reason: string | null; started: number; duration_s: number | null } | null;
}

export type UptimeWord = 'ONLINE' | 'DEGRADED' | 'OFFLINE' | 'UNKNOWN';

export interface Uptime {
  up: boolean | null;
  word: UptimeWord;
  monitors: Monitor[] | null;
}

export interface UsersOnline {
  count: number | null;
  window_s: number | null;
  source: string;
  pages?: { path: string; count: number }[] | null;
}

export interface IntegrationInstance {
  name: string;
  target: string;
  /** Number of the resource that its metrics belong to. */
  resource: number | null;
  status: OutsideStatus;
}

export type IntegrationGroup = 'code' | 'cache' | 'infrastructure' | 'uptime' | 'users' | 'queues' | 'database';

export interface IntegrationKind {
  kind: string;
  title: string;
  group: IntegrationGroup;
  snippet: string;
  docs: string | null;
  instances: IntegrationInstance[];
}

export interface IntegrationsAnswer {
  now: number;
  kinds: IntegrationKind[];
}
