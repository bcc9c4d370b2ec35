// Tests of the stretch of time that charts show.

import { expect, test } from 'vitest';

import { viewOf } from './view';

const NOW = 1_800_000_000_000;
const LAST_15_MIN = { kind: 'last', ms: 900_000 } as const;

test('an old resource fills the whole range', () => {
  const { from, to } = viewOf(LAST_15_MIN, null, 1_000, NOW - 86_400_000).stretch(NOW);
  expect([from, to]).toEqual([NOW - 900_000, NOW]);
});

test('a young resource starts where its history does, but shows a minute at least', () => {
  expect(viewOf(LAST_15_MIN, null, 1_000, NOW - 200_000).stretch(NOW).from).toBe(NOW - 200_000);
  expect(viewOf(LAST_15_MIN, null, 1_000, NOW - 3_000).stretch(NOW).from).toBe(NOW - 60_000);
});

test('a zoom shows exactly what was chosen', () => {
  const zoom = { from: NOW - 500_000, to: NOW - 400_000 };
  expect(viewOf(LAST_15_MIN, zoom, 1_000, NOW - 3_000).stretch(NOW)).toMatchObject(zoom);
});
