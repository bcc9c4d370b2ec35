// Gaps, stacks and axes.

import { describe, expect, it } from 'vitest';

import { Columns } from '../live/columns';
import { axisTop, extent, shape, shaped, spacing, withGaps, type Cell } from './shape';
import type { Line } from './spec';

const N = NaN;
const line = (key: string, role: Line['role'] = 'stack'): Line => ({ key, label: key, color: '--s1', plus: [1], role });

function gaps(values: number[], interval?: number): Cell[] {
  const out = new Array<Cell>(values.length);
  withGaps(Float64Array.from(values), out, interval);
  return out;
}

describe('gaps', () => {
  it('bridges a single missing step and breaks from three on', () => {
    expect(gaps([1, N, 3], 1)).toEqual([1, undefined, 3]);
    expect(gaps([1, N, N, 4], 1)).toEqual([1, null, null, 4]);
  });

  it('measures distance in the intervals of a slow source', () => {
    const slow = [1, N, N, N, 2, N, N, N, 3, N, N, N, 4];
    expect(spacing(Float64Array.from(slow))).toBe(4);
    expect(gaps(slow)).not.toContain(null);
    expect(gaps([...slow, ...new Array<number>(11).fill(N), 5]).filter((cell) => cell === null)).toHaveLength(11);
  });

  it('draws nothing before the first and after the last value', () => {
    expect(gaps([N, N, 1, N, N], 1)).toEqual([undefined, undefined, 1, undefined, undefined]);
  });
});

function view(columns: number[][], lines: Line[], hidden: string[] = []) {
  const rows = columns[0]?.length ?? 0;
  const table = new Columns(1_000, rows, columns.length, (rows - 1) * 1_000);
  columns.forEach((values, c) =>
    values.forEach((value, row) => Number.isNaN(value) || table.put(c, row * 1_000, value)),
  );
  const out = shaped(lines, rows);
  shape(
    table,
    lines,
    lines.map(() => 1),
    new Set(hidden),
    out,
  );
  return out;
}

describe('shaping', () => {
  it('stacks lines on each other and keeps what was measured', () => {
    const out = view(
      [
        [1, 2],
        [10, 20],
      ],
      [line('a'), line('b')],
    );
    expect(out.drawn).toEqual([
      [1, 2],
      [11, 22],
    ]);
    expect(out.raw).toEqual([
      [1, 2],
      [10, 20],
    ]);
    expect(out.top).toBe(22);
    expect(out.times).toEqual([0, 1_000]);
  });

  it('does not stack single lines and limits', () => {
    const out = view([[1], [5], [3]], [line('a'), line('limit', 'limit'), line('c', 'line')]);
    expect(out.drawn).toEqual([[1], [5], [3]]);
  });

  it('lets the rest of a stack sink when a line is hidden', () => {
    const out = view([[1], [10]], [line('a'), line('b')], ['a']);
    expect(out.drawn).toEqual([[null], [10]]);
  });

  it('turns events into marks and not into lines', () => {
    const out = view(
      [
        [1, 1, 1],
        [0, 2, N],
      ],
      [line('a'), line('oom', 'event')],
    );
    expect(out.drawn).toHaveLength(1);
    expect(out.events.map((event) => event.time)).toEqual([1_000]);
  });

  it('has no data when there is only a limit', () => {
    expect(view([[4, 4]], [line('limit', 'limit')]).hasData).toBe(false);
  });

  it('finds the holes that all lines share', () => {
    const out = view(
      [
        [1, N, N, N, 5],
        [1, N, N, N, 5],
      ],
      [line('a'), line('b')],
    );
    expect(out.gaps).toEqual([[0, 4_000]]);
    expect(
      view(
        [
          [1, N, N, N, 5],
          [1, 2, 3, 4, 5],
        ],
        [line('a'), line('b')],
      ).gaps,
    ).toEqual([]);
  });
});

it('sums up a line', () => {
  expect(extent([null, 3, undefined, 1, 2])).toEqual({ last: 2, min: 1, max: 3 });
  expect(extent([null, undefined])).toBeNull();
});

it('divides an axis into round steps', () => {
  expect(axisTop(2).splits).toEqual([0, 0.5, 1, 1.5, 2]);
  expect(axisTop(0).max).toBe(1);
  expect(axisTop(1536 * 1024 ** 2, 2).splits.map((v) => v / 1024 ** 2)).toEqual([0, 512, 1024, 1536]);
  for (const top of [0.013, 0.7, 3, 47, 999, 12_345]) {
    const { splits } = axisTop(top);
    expect(splits.length).toBeGreaterThan(2);
    expect(splits.length).toBeLessThan(8);
  }
});
