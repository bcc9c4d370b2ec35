// Answers about accounts and tokens for tests. The page itself never shows these.

import { vi } from 'vitest';

import type { AgentToken, ApiToken, AuditRow, Me, SessionRow, UserRow } from '../api/access';
import { session } from '../state/session';
import type { Role } from '../state/roles';

export interface Asked {
  method: string;
  path: string;
  url: URL;
  body: Record<string, unknown>;
}

/** A refusal as problem details. */
export function problem(status: number, code: string | null, detail = 'refused'): Response {
  return new Response(JSON.stringify({ detail, code }), { status });
}

/** Answers by method and path; what is not named fails. A function sees what was asked. */
export function serve(answers: Record<string, unknown>): Asked[] {
  const asked: Asked[] = [];
  vi.stubGlobal('fetch', (address: string, init: RequestInit = {}) => {
    const url = new URL(address);
    const text = typeof init.body === 'string' ? init.body : '{}';
    const one: Asked = {
      method: init.method ?? 'GET',
      path: url.pathname,
      url,
      body: JSON.parse(text) as Record<string, unknown>,
    };
    asked.push(one);
    const found = answers[`${one.method} ${one.path}`];
    const answer: unknown = typeof found === 'function' ? (found as (asked: Asked) => unknown)(one) : found;
    if (answer instanceof Response) return Promise.resolve(answer);
    if (answer === null) return Promise.resolve(new Response(null, { status: 204 }));
    return Promise.resolve(answer === undefined ? problem(503, null, 'busy') : new Response(JSON.stringify(answer)));
  });
  return asked;
}

/** Signs somebody in without asking. */
export function enter(role: Role): void {
  session.value = { state: 'in', user: { username: 'marina', role } };
}

export function meSample(some: Partial<Me> = {}): Me {
  return {
    username: 'marina',
    role: 'super_admin',
    tenant: null,
    second_factor: false,
    credential: 'session',
    origin: 'local',
    ...some,
  };
}

export function sessionSample(some: Partial<SessionRow> = {}): SessionRow {
  const now = Date.now();
  return {
    id: 'a1',
    current: true,
    created: now - 3_600_000,
    last_seen: now,
    expires: now + 3_600_000,
    address: '192.0.2.7',
    agent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36',
    ...some,
  };
}

export function userSample(some: Partial<UserRow> = {}): UserRow {
  return {
    username: 'tiago',
    role: 'viewer',
    tenant: 'acme',
    created: Date.now() - 86_400_000,
    last_login: null,
    second_factor: false,
    origin: 'local',
    disabled: false,
    sessions: 2,
    ...some,
  };
}

export function agentTokenSample(some: Partial<AgentToken> = {}): AgentToken {
  return {
    id: 1,
    name: 'production',
    tenant: null,
    environment: 'production',
    created: Date.now() - 86_400_000,
    created_by: 'marina',
    last_used: null,
    revoked: null,
    ...some,
  };
}

export function apiTokenSample(some: Partial<ApiToken> = {}): ApiToken {
  return {
    id: 5,
    name: 'spreadsheet',
    owner: 'marina',
    role: 'viewer',
    tenant: null,
    created: Date.now() - 86_400_000,
    expires: Date.now() + 3 * 86_400_000,
    last_used: null,
    revoked: null,
    ...some,
  };
}

export function auditSample(some: Partial<AuditRow> = {}): AuditRow {
  return {
    id: 12,
    time: Date.now() - 60_000,
    username: 'marina',
    role: 'super_admin',
    address: '192.0.2.7',
    action: 'user.create',
    target: 'tiago',
    detail: { role: 'viewer' },
    count: null,
    result: 'done',
    reason: null,
    ...some,
  };
}
