// The collector's clock.

import { beforeEach, expect, it } from 'vitest';

import { now, observe, observePush, reset } from './clock';

beforeEach(reset);

it('takes the middle of the quickest answer', () => {
  observe(5_000, 10_000, 10_200);
  expect(now(10_100)).toBe(5_000);
  observe(9_000, 14_000, 15_000);
  expect(now(10_100)).toBe(5_000);
  observe(6_000, 11_000, 11_020);
  expect(now(11_010)).toBe(6_000);
});

it('knows that a pushed message was sent before it came', () => {
  observe(5_000, 10_000, 10_400);
  observePush(6_000, 11_050);
  expect(now(11_050)).toBe(6_000);
  observePush(7_000, 13_000);
  expect(now(13_000)).toBe(7_950);
});
