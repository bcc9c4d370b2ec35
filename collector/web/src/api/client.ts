// Requests to the collector. Addresses are relative to the page, so that a path prefix needs no setting.

import type {
  AuthState,
  CheckRow,
  CompareAnswer,
  Completeness,
  EndpointRow,
  ErrorHours,
  ErrorType,
  EventsAnswer,
  HistoryAnswer,
  LatencyAnswer,
  LogsAnswer,
  QueryAnswer,
  RecentRequests,
  RequestRow,
  ResourcesAnswer,
  SeriesRow,
  TenantRow,
  User,
} from './types';
import * as clock from '../live/clock';

/** One wrong field of a request. */
export interface Fault {
  field: string;
  detail: string;
}

/** A refused or failed request, with what the problem details said. */
export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 when the collector could not be reached. */
    readonly status: number,
    readonly detail: string,
    readonly retryAfter: number | null = null,
    /** Which fields of the request were wrong, and why. */
    readonly faults: readonly Fault[] = [],
    /** The word for a program, where the collector gave one: "second_factor_required", say. */
    readonly code: string | null = null,
  ) {
    super(detail);
    this.name = 'ApiError';
  }
}

/** Where a 401 answers what was typed, and does not end a session. */
const ENTRANCE = /^api\/auth\/(login|me|setup|logout)/;

let unauthorized: () => void = () => undefined;

/** Says what to do when the session has ended. */
export function onUnauthorized(act: () => void): void {
  unauthorized = act;
}

/** The address of a path of the API, under whatever prefix the page has. */
export function address(path: string, base: string = document.baseURI): string {
  return new URL(path, base.replace(/[?#].*$/, '')).href;
}

async function problem(response: Response): Promise<ApiError> {
  const after = Number(response.headers.get('retry-after'));
  let detail = response.statusText;
  let faults: readonly Fault[] = [];
  let code: string | null = null;
  try {
    const body = (await response.json()) as { detail?: string; title?: string; errors?: Fault[]; code?: string };
    detail = body.detail ?? body.title ?? detail;
    faults = body.errors ?? [];
    code = body.code ?? null;
  } catch {
    // Not problem details: a proxy's page, say. The status line must do.
  }
  return new ApiError(response.status, detail, Number.isFinite(after) && after > 0 ? after : null, faults, code);
}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address(path), { credentials: 'same-origin', cache: 'no-store', ...init });
  } catch (cause) {
    if (init.signal?.aborted === true) throw cause;
    throw new ApiError(0, cause instanceof Error ? cause.message : String(cause));
  }
  if (!response.ok) {
    const error = await problem(response);
    if (error.status === 401 && !ENTRANCE.test(path)) unauthorized();
    throw error;
  }
  return response;
}

/** Asks for a path of the API. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await request(path, signal ? { signal } : {});
  return (await response.json()) as T;
}

/** Sends a body to a path of the API; without one the method says all. */
export async function send<T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const response = await request(path, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return send<T>('POST', path, body);
}

async function timed(path: string, signal?: AbortSignal): Promise<ResourcesAnswer> {
  const sent = Date.now();
  const answer = await get<ResourcesAnswer>(path, signal);
  clock.observe(answer.now, sent, Date.now());
  return answer;
}

export interface QueryParams {
  metrics: readonly string[];
  /** None: every resource that has the metrics. */
  resources: readonly number[];
  from: number;
  to: number;
  step: number;
  /** How the samples of a step become one value; what suits the metric when absent. */
  aggregate?: 'increase' | 'last' | 'max';
}

function query(params: QueryParams, signal?: AbortSignal): Promise<QueryAnswer> {
  const parts = {
    metric: params.metrics.join(','),
    resource: params.resources.join(','),
    from: params.from,
    to: params.to,
    step: params.step,
    points: Math.ceil((params.to - params.from) / params.step) + 2,
    aggregate: params.aggregate ?? null,
  };
  return get<QueryAnswer>(`api/v1/query?${search(parts)}`, signal);
}

/** What of the applications' records is asked for; null leaves a part open. */
export interface Scope {
  from: number;
  to: number;
  /** Number of the service's resource. */
  service: number | null;
  tenant: string | null;
}

type Extra = Record<string, string | number | null>;

/** The parameters of a question; those that are null or empty stay away. */
export function search(parts: Extra): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) {
    if (value === null || value === '') continue;
    found.set(name, typeof value === 'number' ? String(Math.round(value)) : value);
  }
  return found.toString();
}

function records<T>(path: string, scope: Scope, extra: Extra, signal?: AbortSignal): Promise<T> {
  return get<T>(`api/v1/${path}?${search({ ...scope, ...extra })}`, signal);
}

/** Requests of applications. */
export const requests = {
  recent: (scope: Scope, limit: number, signal?: AbortSignal) =>
    records<RecentRequests>('requests/recent', scope, { limit }, signal),
  slow: async (scope: Scope, limit: number, signal?: AbortSignal) =>
    (await records<{ requests: RequestRow[] }>('requests/slow', scope, { limit }, signal)).requests,
  endpoints: async (scope: Scope, limit: number, signal?: AbortSignal) =>
    (await records<{ endpoints: EndpointRow[] }>('requests/endpoints', scope, { limit }, signal)).endpoints,
  latency: (scope: Scope, step: number, signal?: AbortSignal) =>
    records<LatencyAnswer>('requests/latency', scope, { step }, signal),
  tenants: async (scope: Scope, limit: number, signal?: AbortSignal) =>
    (await records<{ tenants: TenantRow[] }>('requests/tenants', scope, { limit }, signal)).tenants,
};

/** What applications told besides: errors, logs, events, checks. */
export const told = {
  errorHours: (scope: Scope, step: number, signal?: AbortSignal) =>
    records<ErrorHours>('errors/by-hour', scope, { step }, signal),
  errorTypes: async (scope: Scope, limit: number, signal?: AbortSignal) =>
    (await records<{ types: ErrorType[] }>('errors/types', scope, { limit }, signal)).types,
  logs: (
    scope: Scope,
    extra: { level: string; q: string; limit: number; before: string | null },
    signal?: AbortSignal,
  ) => records<LogsAnswer>('logs', scope, extra, signal),
  events: (scope: Scope, extra: { type: string; limit: number; before: string | null }, signal?: AbortSignal) =>
    records<EventsAnswer>('events', scope, extra, signal),
  checks: async (from: number, to: number, limit: number, signal?: AbortSignal) =>
    (await get<{ checks: CheckRow[] }>(`api/v1/checks?${search({ from, to, limit })}`, signal)).checks,
};

/** Today since midnight here against yesterday up to the same time of day. */
function compare(resources: readonly number[], metrics: readonly string[]): Promise<CompareAnswer> {
  const parts = {
    resource: resources.join(),
    metric: metrics.join(),
    offset: String(-new Date().getTimezoneOffset()),
  };
  return get<CompareAnswer>(`api/v1/compare?${search(parts)}`);
}

/** Every request the page makes about machines and accounts. */
export const api = {
  authState: () => get<AuthState>('api/auth/state'),
  me: () => get<User>('api/auth/me'),
  /** The code is of the second factor, or one of the recovery codes. */
  login: (username: string, password: string, code?: string) =>
    post<{ user: User }>('api/auth/login', { username, password, ...(code === undefined ? {} : { code }) }),
  setup: (token: string, username: string, password: string) =>
    post<{ user: User }>('api/auth/setup', { token, username, password }),
  logout: () => post<undefined>('api/auth/logout', {}),
  resources: (signal?: AbortSignal) => timed('api/v1/resources', signal),
  current: (signal?: AbortSignal) => timed('api/monitoring/current', signal),
  history: (minutes: number, signal?: AbortSignal) =>
    get<HistoryAnswer>(`api/monitoring/history?minutes=${minutes}`, signal),
  series: async (resource: number, signal?: AbortSignal) =>
    (await get<{ series: SeriesRow[] }>(`api/v1/series?resource=${resource}`, signal)).series,
  completeness: async (from: number, to: number) =>
    (await get<{ agents: Completeness[] }>(`api/v1/completeness?from=${Math.round(from)}&to=${Math.round(to)}`)).agents,
  query,
  compare,
};
