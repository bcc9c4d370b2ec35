// CPU and memory of the last points as a chart that slides: times to the second, holes where nothing came.

import { pickLine, type PickedData } from '../chart/pick';
import type { ChartSpec } from '../chart/spec';
import type { Point } from '../api/types';
import { num, pct } from '../i18n/format';
import { t } from '../i18n/index';
import { b } from '../boards/words';
import { POINTS_MAX, type Sample } from './stats';

const STEP_MS = 1_000;
/** So wide is the picture at least, that the first points do not race over it. */
const SPAN_MS_MIN = (POINTS_MAX - 1) * 3_000;

export function systemSpec(): ChartSpec {
  const m = t.peek();
  return {
    key: 'system',
    title: b.peek().lastPoints(POINTS_MAX),
    metrics: [],
    lines: [pickLine(1, 'cpu', m.cpu, '--s1', { isFilled: true }), pickLine(2, 'ram', b.peek().ram, '--s2')],
    axis: (value) => `${num(value)}%`,
    value: (value) => pct(value / 100),
    height: 240,
    scale: { min: 0, max: 100, splits: [0, 25, 50, 75, 100] },
    isStill: true,
  };
}

export function systemData(samples: readonly Sample[]): PickedData | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last) return null;
  const grid = (at: number) => Math.floor(at / STEP_MS) * STEP_MS;
  const to = grid(last.at);
  const from = Math.min(grid(first.at), to - SPAN_MS_MIN);
  const line = (id: number, pick: (sample: Sample) => number | null) => ({
    id,
    resource: 0,
    metric: '',
    unit: '%',
    attributes: {},
    points: samples.map((sample): Point => [grid(sample.at), pick(sample)]),
  });
  const series = [line(1, ({ stats }) => stats.cpu), line(2, ({ stats }) => stats.ram_percent)];
  return {
    answer: { from, to, step: STEP_MS, tier: '', series },
    stretch: { from, to, step: STEP_MS, isLive: false },
  };
}
