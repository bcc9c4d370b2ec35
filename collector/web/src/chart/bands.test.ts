// Alerts behind the lines of a chart.

import { expect, it } from 'vitest';

import { bandsAt, tints, type Band } from './bands';

const band = (from: number, to: number | null, level: Band['level'] = 'warning'): Band => ({
  from,
  to,
  level,
  text: level,
});

it('tints each moment once, with the gravest that holds', () => {
  expect(tints([band(0, 10), band(4, 6, 'critical'), band(8, 20), band(30, null)], 40)).toEqual([
    { from: 0, to: 4, level: 'warning' },
    { from: 4, to: 6, level: 'critical' },
    { from: 6, to: 20, level: 'warning' },
    { from: 30, to: 40, level: 'warning' },
  ]);
  expect(tints([], 40)).toEqual([]);
});

it('finds what holds at a moment', () => {
  expect(bandsAt([band(0, 10), band(5, null, 'critical')], 7).map(({ level }) => level)).toEqual([
    'warning',
    'critical',
  ]);
  expect(bandsAt([band(0, 10)], 11)).toEqual([]);
});
