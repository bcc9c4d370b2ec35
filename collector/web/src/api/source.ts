// What every answer about a system outside has in common: which instance it tells of, how well that is read, how old it is.

export type SourceState =
  'ok' | 'pending' | 'stale' | 'auth_error' | 'unreachable' | 'bad_answer' | 'partial' | 'not_configured';

export interface SourceStatus {
  state: SourceState;
  since: number;
  last_ok: number | null;
  last_error: { code: string; http_status: number | null; message: string; at: number } | null;
  /** Parts that could not be read, and why. */
  missing: { part: string; code: string; message: string }[];
  interval_s: number;
  next_poll: number | null;
  rate_limit: { limit: number | null; remaining: number | null; reset_at: number | null } | null;
  latency_ms: number | null;
  text: string;
}

export interface Unconfigured {
  configured: false;
  kind: string;
  instances: [];
  hint: string;
  snippet: string;
}

export interface Configured {
  configured: true;
  kind: string;
  instance: string;
  instances: { name: string; kind: string; state: SourceState }[];
  status: SourceStatus;
  /** When what it shows was read; null when nothing was read yet. */
  as_of: number | null;
  stale: boolean;
}

/** An answer whose snapshot `T` is there once something was read. */
export type Source<T> = Unconfigured | (Configured & Partial<T>);

/** The answer with its snapshot, or null where there is none yet. */
export function snapshot<T>(source: Source<T>): (Configured & T) | null {
  return source.configured && source.as_of !== null ? (source as Configured & T) : null;
}

/** One instance of a kind of integration, as the list of all of them has it. */
export interface IntegrationsAnswer {
  now: number;
  kinds: {
    kind: string;
    title: string;
    instances: { name: string; target: string; resource: number | null; status: SourceStatus }[];
  }[];
}

/** Number of the resource under which the history of an instance is kept; null while it has none. */
export function resourceOf(answer: IntegrationsAnswer | null, kind: string, instance: string): number | null {
  const found = answer?.kinds.find((one) => one.kind === kind);
  return found?.instances.find((one) => one.name === instance)?.resource ?? null;
}
