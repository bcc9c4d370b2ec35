// Series of an answer as the lines of a chart that the page asks for itself: the place in the list is the line's number.

import type { Point, QueryAnswer } from '../api/types';
import type { Stretch } from './model';
import type { Line } from './spec';

/** What a line is made of: all series of a metric with these attributes, or the same value all along. */
export type Pick = { metric: string; attributes?: Record<string, string>; scale?: number } | { constant: number };

export interface PickedData {
  answer: QueryAnswer;
  stretch: Stretch;
}

function fits(series: QueryAnswer['series'][number], metric: string, attributes: Record<string, string>): boolean {
  return (
    series.metric === metric && Object.entries(attributes).every(([key, value]) => series.attributes[key] === value)
  );
}

/** The points of a line; series that fit alike are added up, a point that one of them lacks is what the others say. */
export function points(answer: QueryAnswer, pick: Pick): Point[] {
  if ('constant' in pick) {
    const found: Point[] = [];
    for (let time = answer.from; time <= answer.to; time += answer.step) found.push([time, pick.constant]);
    return found;
  }
  const sums = new Map<number, number>();
  for (const series of answer.series) {
    if (!fits(series, pick.metric, pick.attributes ?? {})) continue;
    for (const [time, value] of series.points) {
      if (value !== null) sums.set(time, (sums.get(time) ?? 0) + value * (pick.scale ?? 1));
    }
  }
  return [...sums].sort(([a], [b]) => a - b);
}

/** The answer with one series a line, numbered from 1. */
export function pickData(answer: QueryAnswer, picks: readonly Pick[]): PickedData {
  const { from, to, step } = answer;
  const series = picks.map((pick, i) => ({
    id: i + 1,
    resource: 0,
    metric: '',
    unit: '',
    attributes: {},
    points: points(answer, pick),
  }));
  return { answer: { ...answer, series }, stretch: { from, to, step, isLive: false } };
}

export function pickLine(id: number, key: string, label: string, color: string, more: Partial<Line> = {}): Line {
  return { key, label, color, plus: [id], role: 'line', ...more };
}
