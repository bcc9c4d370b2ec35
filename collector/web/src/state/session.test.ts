// Whether a session goes on when its stream was ended.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { goesOn, session } from './session';

beforeEach(() => {
  vi.useFakeTimers();
  session.value = { state: 'in', user: { username: 'marina', role: 'viewer' } };
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Answers one status after the other. */
function answers(...statuses: number[]): void {
  vi.stubGlobal('fetch', () => {
    const status = statuses.shift() ?? 500;
    if (status === 0) return Promise.reject(new TypeError('network'));
    return Promise.resolve(new Response(JSON.stringify({ username: 'marina', role: 'admin' }), { status }));
  });
}

async function settled(): Promise<boolean> {
  const answer = goesOn();
  await vi.runAllTimersAsync();
  return answer;
}

it('goes on in the session that a new password began, with the role of now', async () => {
  answers(200);
  expect(await settled()).toBe(true);
  expect(session.value).toEqual({ state: 'in', user: { username: 'marina', role: 'admin' } });
});

it('waits for a cookie that is on its way', async () => {
  answers(401, 200);
  expect(await settled()).toBe(true);
});

it('is over when the collector says so twice', async () => {
  answers(401, 401);
  expect(await settled()).toBe(false);
});

it('goes on trying when nobody answers', async () => {
  answers(0);
  expect(await settled()).toBe(true);
});
