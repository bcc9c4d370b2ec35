// Health checks: order, pushed results, databases.

import { describe, expect, it } from 'vitest';

import type { CheckEvent, QueryAnswer } from '../api/types';
import { lang } from '../i18n/index';
import { checkSample } from '../test/records';
import { databases } from './database';
import { availability } from './rows';
import { RESULTS, withPushed, worstCheckFirst, worstState } from './states';

const pushed = (time: number, some: Partial<CheckEvent> = {}): CheckEvent => ({
  resource: 1,
  name: 'main-db',
  time,
  state: 'offline',
  success: false,
  latency_ms: null,
  detail: 'refused',
  ...some,
});

it('puts the worst first', () => {
  const rows = [
    checkSample(),
    checkSample({ name: 'b', state: 'offline' }),
    checkSample({ name: 'a', state: 'degraded' }),
  ];
  expect([...rows].sort(worstCheckFirst).map((row) => row.name)).toEqual(['b', 'a', 'main-db']);
  expect([worstState(rows), worstState([])]).toEqual(['offline', null]);
});

describe('what is pushed', () => {
  it('goes on top of the check’s results and changes its state', () => {
    const [row] = withPushed([checkSample()], [pushed(3_000), pushed(2_000, { state: 'degraded' })]);
    expect([row?.state, row?.detail, row?.results.map((one) => one.time)]).toEqual([
      'offline',
      'refused',
      [3_000, 2_000, 1_000],
    ]);
  });

  it('is left alone when it is known, older, or of another check', () => {
    const rows = [checkSample()];
    expect(withPushed(rows, [pushed(1_000), pushed(500), pushed(9_000, { resource: 2 })])).toEqual(rows);
  });

  it('keeps the last fifty', () => {
    const events = Array.from({ length: 80 }, (_, i) => pushed(2_000 + i));
    expect(withPushed([checkSample()], events)[0]?.results).toHaveLength(RESULTS);
  });
});

it('never rounds an availability up to a whole', () => {
  lang.value = 'en';
  expect([1, 0.99999, 0.87125].map(availability)).toEqual(['100%', '99.99%', '87.12%']);
});

it('joins connections, their limit and size by database', () => {
  const entry = (id: number, metric: string, database: string | null, value: number) => ({
    id,
    resource: 1,
    metric,
    unit: '',
    attributes: { 'farol.check.name': 'db', ...(database === null ? {} : { 'db.namespace': database }) },
    points: [[1_000, value]] as [number, number][],
  });
  const answer: QueryAnswer = {
    from: 0,
    to: 1_000,
    step: 1_000,
    tier: 'raw',
    series: [
      entry(1, 'postgresql.backends', 'app', 12),
      entry(2, 'postgresql.connection.max', null, 100),
      entry(3, 'postgresql.db_size', 'app', 2_048),
      entry(4, 'postgresql.db_size', 'logs', 4_096),
    ],
  };
  expect(databases(answer).map((row) => [row.database, row.connections, row.connectionsMax, row.size])).toEqual([
    ['logs', null, 100, 4_096],
    ['app', 12, 100, 2_048],
  ]);
});
