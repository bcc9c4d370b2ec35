// Tests of the movement that is told beside a figure.

import { expect, test } from 'vitest';

import { movement } from './trend';

test('the movement goes from the first readings to the last, gaps left out', () => {
  const values = [NaN, 0.1, 0.1, 0.1, NaN, 0.2, 0.4, 0.4, 0.4, NaN];
  const moved = movement(values, 30_000);
  expect(moved?.ms).toBe(210_000);
  expect(moved?.change).toBeCloseTo(0.3);
});

test('one spike at the end is not taken for the whole', () => {
  const values = [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 1];
  expect(movement(values, 60_000)?.change).toBeCloseTo(0.3);
});

test('too little history says nothing', () => {
  expect(movement([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 5_000)).toBeNull();
  expect(movement([NaN, NaN], 60_000)).toBeNull();
});
