// Answers of the API as data of charts.

import { describe, expect, it } from 'vitest';

import { ChartModel } from '../chart/model';
import { barStep, chartData, column, countData, countSpec, latencyStep } from './charts';
import { barHeight, hasFailed } from './last';
import { failing, meanRate, slowness } from './figures';
import { latencySample, requestSample } from '../test/records';

const MINUTE = 60_000;

describe('the data of a chart', () => {
  it('puts each figure on the grid; what is not told is unknown, or none where it is a count', () => {
    const rows = [
      { time: 60_500, value: 3 },
      { time: 180_000, value: null },
    ];
    const found = column(rows, MINUTE, (row) => row.value);
    const span = { from: 60_000, to: 200_000 };
    expect(chartData([found], span, MINUTE, false).answer.series[0]?.points).toEqual([[60_000, 3]]);
    expect(chartData([found], span, MINUTE, true).answer.series[0]?.points).toEqual([
      [60_000, 3],
      [120_000, 0],
      [180_000, 0],
    ]);
  });

  it('stands bars on each other and shows the first and last one whole', () => {
    const data = countData(latencySample(), true);
    const model = new ChartModel(countSpec(), data.stretch);
    model.load(data.answer);
    const view = model.shape(new Set());
    expect(view.drawn.map((cells) => cells[1])).toEqual([1, 10]);
    expect(model.bounds.to - model.bounds.from).toBe(model.table.rows * MINUTE);
  });

  it('is never finer than what is kept, nor more than can be told apart', () => {
    expect(latencyStep(15 * MINUTE)).toBe(MINUTE);
    expect((24 * 60 * MINUTE) / latencyStep(24 * 60 * MINUTE)).toBeLessThanOrEqual(240);
    expect((30 * 1_440 * MINUTE) / barStep(30 * 1_440 * MINUTE)).toBeLessThanOrEqual(60);
  });
});

describe('figures', () => {
  it('counts the rate from the first request on', () => {
    expect(meanRate(latencySample())).toBeCloseTo(12 / 120);
    expect(meanRate({ ...latencySample(), points: [] })).toBeCloseTo(12 / 180);
  });

  it('has the thresholds of the design', () => {
    expect([null, 500, 501, 1_001].map((ms) => slowness(ms))).toEqual(['', '', 'warn', 'crit']);
    expect([null, 0.05, 0.06, 0.2].map((ratio) => failing(ratio))).toEqual(['', '', 'warn', 'crit']);
  });

  it('knows failed requests: the server’s fault, no answer, an exception', () => {
    const of = (some: Parameters<typeof requestSample>[0]) => hasFailed(requestSample(some));
    expect([of({}), of({ status: 404 }), of({ status: 503 }), of({ status: 0 }), of({ exception: 'E' })]).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
  });

  it('draws a bar for every request, however short', () => {
    expect([barHeight(0, 1_000), barHeight(500, 1_000), barHeight(5, 0)]).toEqual([1.5, 50, 1.5]);
  });
});
