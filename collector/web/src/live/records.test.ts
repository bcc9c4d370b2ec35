// A live list: what is on top, what waits, what stays behind.

import { expect, it } from 'vitest';

import { merged, RecordList, SHOWN_MAX, WAITING_MAX, type Dated } from './records';

const row = (id: number | null, time: number): Dated => (id === null ? { time } : { id, time });
const ids = (rows: readonly Dated[]) => rows.map((one) => one.id ?? `t${one.time}`);

it('keeps older pages behind a fresh first one, and drops what was only pushed', () => {
  const old = [row(null, 50), row(4, 40), row(3, 30), row(2, 20), row(1, 10)];
  expect(ids(merged([row(5, 50), row(4, 40)], old))).toEqual([5, 4, 3, 2, 1]);
  expect(merged([], old)).toEqual([]);
});

it('tells records of one millisecond apart by their number', () => {
  expect(ids(merged([row(3, 10), row(2, 10)], [row(3, 10), row(2, 10), row(1, 10)]))).toEqual([3, 2, 1]);
});

it('puts pushed ones on top, newest first, and none twice', () => {
  const list = new RecordList<Dated>();
  list.take([row(2, 20), row(1, 10)], 'c', false);
  list.push([row(2, 20), row(null, 30), row(null, 40)], false);
  expect(ids(list.rows.value)).toEqual(['t40', 't30', 2, 1]);
});

it('lets them wait while the reader is further down', () => {
  const list = new RecordList<Dated>();
  list.take([row(1, 10)], null, false);
  list.push([row(2, 20)], true);
  list.push([row(2, 20), row(3, 30)], true);
  expect([ids(list.rows.value), ids(list.waiting.value)]).toEqual([[1], [3, 2]]);
  list.reveal();
  expect([ids(list.rows.value), ids(list.waiting.value)]).toEqual([[3, 2, 1], []]);
});

it('is bounded on both sides', () => {
  const list = new RecordList<Dated>();
  const many = Array.from({ length: SHOWN_MAX + 10 }, (_, i) => row(i + 1, i));
  list.push(many, false);
  expect(list.rows.value).toHaveLength(SHOWN_MAX);
  list.push(
    many.map((one) => ({ ...one, id: (one.id ?? 0) + 10_000 })),
    true,
  );
  expect(list.waiting.value).toHaveLength(WAITING_MAX);
});

it('goes back by cursor until there is no more, and says when it could not', async () => {
  const list = new RecordList<Dated>();
  list.take([row(3, 30)], 'a', false);
  await list.older((before) => Promise.resolve({ rows: [row(2, 20)], next: `${before}b` }));
  expect([ids(list.rows.value), list.next.value]).toEqual([[3, 2], 'ab']);
  await list.older(() => Promise.reject(new Error('away')));
  expect([list.failure.value, list.next.value]).toEqual(['away', 'ab']);
  await list.older(() => Promise.resolve({ rows: [row(1, 10)], next: null }));
  expect([ids(list.rows.value), list.next.value, list.failure.value]).toEqual([[3, 2, 1], null, null]);
});

it('keeps the cursor of the oldest page when the first one is renewed', async () => {
  const list = new RecordList<Dated>();
  list.take([row(3, 30)], 'a', false);
  await list.older(() => Promise.resolve({ rows: [row(2, 20)], next: 'b' }));
  list.take([row(4, 40), row(3, 30)], 'a', true);
  expect([ids(list.rows.value), list.next.value]).toEqual([[4, 3, 2], 'b']);
  list.take([row(9, 90)], 'z', false);
  expect([ids(list.rows.value), list.next.value]).toEqual([[9], 'z']);
});
