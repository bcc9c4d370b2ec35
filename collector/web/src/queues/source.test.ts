// Queues of both brokers as one list, and when they will be empty.

import { expect, it } from 'vitest';

import { celerySample, rabbitSample } from '../test/cache';
import { drainS, mergeQueues, slope } from './source';

it('joins what both know of a queue by its name, longest first', () => {
  const rows = mergeQueues(rabbitSample(), celerySample());
  expect(rows.map((row) => [row.name, row.waiting, row.level])).toEqual([
    ['celery', 1_250, 'crit'],
    ['dead', 17, 'warn'],
    ['reports', null, 'ok'],
  ]);
  expect(mergeQueues(null, null)).toEqual([]);
  expect(mergeQueues(null, celerySample())[0]).toMatchObject({ name: 'celery', consumers: null, inRate: null });
});

it('says when nothing will wait any more, or that it never will', () => {
  expect(drainS(1_000, rabbitSample(), [])).toBe(100);
  expect(drainS(0, null, [])).toBe(0);
  expect(drainS(null, rabbitSample(), [])).toBeNull();
  expect(drainS(10, null, [])).toBeNull();
  const line = (change: number) => Array.from({ length: 10 }, (_, i) => [i * 1_000, 500 + i * change] as const);
  expect(slope(line(-5))).toBeCloseTo(-5);
  expect(drainS(455, null, line(-5))).toBeCloseTo(91);
  expect(drainS(545, null, line(5))).toBe('growing');
});
