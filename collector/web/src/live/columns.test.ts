// The live buffer: an even grid that is shifted in place.

import { describe, expect, it } from 'vitest';

import { Columns } from './columns';

const list = (table: Columns, column = 0) => Array.from(table.columns[column] ?? []);

describe('a table of columns', () => {
  it('begins empty and ends at the bucket of its end', () => {
    const table = new Columns(1_000, 4, 1, 10_400);
    expect([table.start, table.end]).toEqual([7_000, 10_000]);
    expect(list(table)).toEqual([NaN, NaN, NaN, NaN]);
  });

  it('puts history into its rows and ignores what is outside', () => {
    const table = new Columns(1_000, 3, 1, 10_000);
    table.put(0, 8_000, 1);
    table.put(0, 9_999, 2);
    table.put(0, 7_999, 9);
    table.put(0, 11_000, 9);
    expect(list(table)).toEqual([1, 2, NaN]);
  });

  it('shifts by one when a new bucket begins, in the same array', () => {
    const table = new Columns(1_000, 3, 1, 2_000);
    const before = table.columns[0];
    [1, 2, 3].forEach((value, i) => table.put(0, i * 1_000, value));
    table.push(0, 3_100, 4);
    expect(list(table)).toEqual([2, 3, 4]);
    expect(table.columns[0]).toBe(before);
  });

  it('averages samples of one bucket', () => {
    const table = new Columns(1_000, 2, 1, 1_000);
    for (const value of [1, 2, 3]) table.push(0, 2_000 + value, value);
    expect(table.last(0)).toBe(2);
  });

  it('leaves a hole where nothing came', () => {
    const table = new Columns(1_000, 5, 1, 0);
    table.push(0, 0, 1);
    table.push(0, 3_000, 4);
    expect(list(table)).toEqual([NaN, 1, NaN, NaN, 4]);
  });

  it('forgets everything after a jump longer than itself', () => {
    const table = new Columns(1_000, 3, 1, 2_000);
    table.push(0, 2_000, 7);
    table.push(0, 900_000, 1);
    expect(list(table)).toEqual([NaN, NaN, 1]);
    expect(table.end).toBe(900_000);
  });

  it('puts a late sample where it belongs and does not move back', () => {
    const table = new Columns(1_000, 3, 1, 2_000);
    table.push(0, 2_000, 3);
    table.push(0, 1_000, 2);
    expect(list(table)).toEqual([NaN, 2, 3]);
    expect(table.end).toBe(2_000);
  });

  it('keeps columns apart', () => {
    const table = new Columns(1_000, 2, 2, 1_000);
    table.push(0, 1_000, 1);
    table.push(1, 2_000, 2);
    expect([list(table, 0), list(table, 1)]).toEqual([
      [1, NaN],
      [NaN, 2],
    ]);
    expect([table.last(0), table.last(1)]).toEqual([1, 2]);
  });
});
