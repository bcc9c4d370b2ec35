// A chart's data: history first, live frames after.

import { describe, expect, it } from 'vitest';

import type { QueryAnswer } from '../api/types';
import { ChartModel, type Stretch } from './model';
import { lineValue, matcher, type ChartSpec, type Line } from './spec';

const ratio: Line = { key: 'r', label: 'r', color: '--s1', plus: [1], over: [2], role: 'line' };
const rest: Line = { key: 'm', label: 'm', color: '--s2', plus: [3], minus: [1], role: 'line' };
const spec: ChartSpec = { key: 'k', title: 't', metrics: ['a'], lines: [ratio, rest], axis: String, value: String };
const live: Stretch = { from: 0, to: 10_000, step: 1_000, isLive: true };

function answer(points: Record<number, [number, number][]>): QueryAnswer {
  const series = Object.entries(points).map(([id, list]) => ({
    id: Number(id), resource: 1, metric: 'a', unit: '1', attributes: {}, points: list,
  })); // prettier-ignore
  return { from: 0, to: 10_000, step: 1_000, tier: 'raw', series };
}

describe('the value of a line', () => {
  const of = (values: Record<number, number>) => (id: number) => values[id] ?? NaN;

  it('divides, takes off, and knows when something is missing', () => {
    expect(lineValue(ratio, of({ 1: 2, 2: 10 }))).toBe(0.2);
    expect(lineValue(ratio, of({ 1: 2 }))).toBeNaN();
    expect(lineValue(ratio, of({ 1: 0, 2: 0 }))).toBe(0);
    expect(lineValue(rest, of({ 3: 5, 1: 2 }))).toBe(3);
    expect(lineValue(rest, of({ 3: 1, 1: 2 }))).toBe(0);
    expect(lineValue(rest, of({}))).toBeNaN();
  });
});

describe('a chart model', () => {
  it('takes history in and moves on with live frames', () => {
    const model = new ChartModel(spec, live);
    model.load(answer({ 1: [[9_000, 1]], 2: [[9_000, 4]], 3: [[9_000, 3]] }));
    expect([model.table.last(0), model.table.last(1)]).toEqual([0.25, 2]);
    const known = new Map([
      [1, 2],
      [2, 4],
      [3, 3],
    ]);
    expect(
      model.push(
        {
          room: 'r',
          time: 12_000,
          generation: 1,
          values: [
            [1, 2],
            [2, 4],
          ],
        },
        known,
      ),
    ).toBe(true);
    expect(model.table.last(0)).toBe(0.5);
    expect(model.bounds).toEqual({ from: 2_000, to: 12_000 });
  });

  it('leaves frames alone that do not touch its series', () => {
    const model = new ChartModel(spec, live);
    expect(model.push({ room: 'r', time: 12_000, generation: 1, values: [[77, 2]] }, new Map([[77, 2]]))).toBe(false);
    expect(model.bounds.to).toBe(10_000);
  });

  it('does not move when it shows the past', () => {
    const model = new ChartModel(spec, { ...live, isLive: false });
    expect(model.push({ room: 'r', time: 12_000, generation: 1, values: [[1, 2]] }, new Map([[1, 2]]))).toBe(false);
    expect(model.bounds).toEqual({ from: 0, to: 10_000 });
  });
});

it('matches series by metric and attributes', () => {
  const row = (id: number, mode: string) => ({
    id,
    resource: 1,
    metric: 'cpu',
    unit: 's',
    kind: 'counter',
    attributes: { mode },
  });
  const find = matcher([row(1, 'user'), row(2, 'system'), row(3, 'nice')]);
  expect(find('cpu', { mode: ['user', 'nice'] })).toEqual([1, 3]);
  expect(find('cpu')).toEqual([1, 2, 3]);
  expect(find('memory')).toEqual([]);
});
