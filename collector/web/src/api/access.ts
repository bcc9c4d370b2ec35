// Accounts, sessions, tokens and the audit log over the API. Times are milliseconds since the epoch.

import { address, get, post, search, send } from './client';
import type { Role } from '../state/roles';

/** Who is signed in, and by what. */
export interface Me {
  username: string;
  role: string;
  /** The only tenant that is seen; null: the whole house. */
  tenant: string | null;
  second_factor: boolean;
  credential: 'session' | 'api_token' | 'issued';
  /** `local`, or `oidc:NAME` for an account that a provider keeps. */
  origin: string;
}

export interface SessionRow {
  id: string | number;
  current: boolean;
  created: number;
  last_seen: number | null;
  expires: number;
  address: string | null;
  /** What the browser calls itself. */
  agent: string | null;
}

/** What an authenticator app takes in: as text, as an address, and as a picture of unit squares. */
export interface Enrolment {
  secret: string;
  uri: string;
  qr: { size: number; path: string };
}

export interface UserRow {
  username: string;
  role: string;
  tenant: string | null;
  created: number;
  last_login: number | null;
  second_factor: boolean;
  origin: string;
  disabled: boolean;
  /** How many are open. */
  sessions: number;
}

export interface UserChange {
  role?: Role;
  /** Null: no longer bound to one. */
  tenant?: string | null;
  disabled?: boolean;
  password?: string;
  reset_second_factor?: boolean;
}

/** A token that agents deliver with. */
export interface AgentToken {
  id: number;
  name: string;
  tenant: string | null;
  environment: string | null;
  created: number;
  created_by: string | null;
  last_used: number | null;
  /** When it was revoked; null while it is good. */
  revoked: number | null;
}

/** A token that a program asks the API with, in the name of a person. */
export interface ApiToken {
  id: number;
  name: string;
  owner: string;
  role: string;
  tenant: string | null;
  created: number;
  expires: number | null;
  last_used: number | null;
  revoked: number | null;
}

export interface AuditRow {
  id: number;
  time: number;
  username: string;
  role: string | null;
  address: string | null;
  action: string;
  target: string | null;
  detail: unknown;
  count: number | null;
  result: string;
  reason: string | null;
}

export interface AuditPage {
  /** Newest first. */
  entries: AuditRow[];
  /** Where the older ones begin; null when there are none. */
  next: string | null;
}

/** Which lines of the audit log are meant; null leaves a part open. */
export interface AuditFilter {
  action: string | null;
  username: string | null;
  from: number | null;
  to: number | null;
}

const AUTH = 'api/auth';
const FACTOR = `${AUTH}/second-factor`;

/** One's own account. */
export const account = {
  me: (signal?: AbortSignal) => get<Me>(`${AUTH}/me`, signal),
  password: (current: string, next: string) => post<unknown>(`${AUTH}/password`, { current, new: next }),
  sessions: async (signal?: AbortSignal) =>
    (await get<{ sessions: SessionRow[] }>(`${AUTH}/sessions`, signal)).sessions,
  endSession: (id: SessionRow['id']) => send<unknown>('DELETE', `${AUTH}/sessions/${encodeURIComponent(String(id))}`),
  endOthers: () => post<unknown>(`${AUTH}/sessions/end-others`, {}),
  begin: (password: string) => post<Enrolment>(`${FACTOR}/begin`, { password }),
  confirm: async (code: string) =>
    (await post<{ recovery_codes: string[] }>(`${FACTOR}/confirm`, { code })).recovery_codes,
  recovery: async (password: string, code: string) =>
    (await post<{ recovery_codes: string[] }>(`${FACTOR}/recovery`, { password, code })).recovery_codes,
  disable: (password: string, code: string) => post<unknown>(`${FACTOR}/disable`, { password, code }),
};

const USERS = 'api/v1/users';
const user = (name: string) => `${USERS}/${encodeURIComponent(name)}`;

export interface NewUser {
  username: string;
  role: Role;
  tenant?: string;
}

/** Everybody's accounts. */
export const users = {
  list: async (signal?: AbortSignal) => (await get<{ users: UserRow[] }>(USERS, signal)).users,
  /** The password is the one that the collector made up; it is told this once. */
  create: (order: NewUser) => post<{ user: UserRow; password: string | null }>(USERS, order),
  change: (name: string, change: UserChange) => send<UserRow>('PATCH', user(name), change),
  remove: (name: string) => send<unknown>('DELETE', user(name)),
  endSessions: (name: string) => send<unknown>('DELETE', `${user(name)}/sessions`),
};

/** The answer to a new token: its row under one name or another, and the token itself this once. */
export interface Issued {
  token: string;
}

/** The answer to a new agent token: besides, where agents find the collector, when its configuration says so. */
export interface IssuedAgent extends Issued {
  token_row: AgentToken;
  public_url: string | null;
}

/** Somebody whose token was not accepted. */
export interface TurnedAway {
  at: number;
  address: string | null;
  token: 'missing' | 'api_token' | 'cut' | 'revoked' | 'unknown' | 'foreign';
  /** Name of the revoked token. */
  name: string | null;
}

/** Who came to the agents' door, as far as one token is concerned. */
export interface Arrivals {
  now: number;
  revoked: number | null;
  checked: number | null;
  agents: { agent: string; first: number; last: number; batches: number; resources: number[] }[];
  refused: { at: number; status: number; detail: string } | null;
  turned_away: TurnedAway[];
}

export const agentTokens = {
  list: async (signal?: AbortSignal) => (await get<{ tokens: AgentToken[] }>('api/v1/tokens', signal)).tokens,
  create: (order: { name: string; tenant?: string; environment?: string }) => post<IssuedAgent>('api/v1/tokens', order),
  arrivals: (id: number, signal?: AbortSignal) => get<Arrivals>(`api/v1/tokens/${id}/arrivals`, signal),
  revoke: (id: number) => send<unknown>('DELETE', `api/v1/tokens/${id}`),
};

export interface NewApiToken {
  name: string;
  role: Role;
  tenant?: string;
  expires_in_days: number;
}

export const apiTokens = {
  list: async (isAll: boolean, signal?: AbortSignal) =>
    (await get<{ tokens: ApiToken[] }>(`api/v1/api-tokens${isAll ? '?all=true' : ''}`, signal)).tokens,
  create: (order: NewApiToken) => post<Issued>('api/v1/api-tokens', order),
  revoke: (id: number) => send<unknown>('DELETE', `api/v1/api-tokens/${id}`),
};

export const AUDIT_FORMATS = ['csv', 'ndjson', 'json'] as const;

export const audit = {
  page: (filter: AuditFilter, before: string | null, limit: number, signal?: AbortSignal) =>
    get<AuditPage>(`api/v1/audit?${search({ ...filter, before, limit })}`, signal),
  /** The address of the same lines as a file. */
  file: (filter: AuditFilter, format: (typeof AUDIT_FORMATS)[number]) =>
    address(`api/v1/audit/export?${search({ format, ...filter })}`),
};
