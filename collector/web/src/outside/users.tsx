// People on the site: the count of now, and the line of how it went.

import { useMemo } from 'preact/hooks';

import { api } from '../api/client';
import type { QueryAnswer } from '../api/types';
import type { ChartSpec } from '../chart/spec';
import { axisNumber, num } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { useAnswer, type Answer } from '../live/answer';
import * as clock from '../live/clock';
import { chartData, line, type ChartData } from '../requests/charts';
import { stepFor } from '../time/range';
import { meanColumn } from './source';

/** Points of the line: more cannot be told apart. */
const POINTS = 180;
const FINEST_MS = 10_000;

interface Span {
  key: string;
  ms: number;
  every: number | null;
  at: (now: number) => { from: number; to: number };
}

export interface UsersLine {
  data: ChartData;
  values: number[];
}

/** The line of one or more instances over a stretch of time; null until they are known. */
export function useUsersLine(span: Span, resources: readonly number[]): Answer<UsersLine | null> {
  return useAnswer(`users ${span.key} ${resources.join()}`, span.every, async (signal) => {
    if (resources.length === 0) return null;
    const step = stepFor(span.ms, POINTS, FINEST_MS);
    const part = span.at(clock.now());
    const answer: QueryAnswer = await api.query({ metrics: ['farol.users.online'], resources, ...part, step }, signal);
    const data = chartData([meanColumn(answer.series)], part, step, false);
    const known = new Map(data.answer.series[0]?.points ?? []);
    const values: number[] = [];
    for (let time = data.stretch.from; time <= data.stretch.to; time += step) values.push(known.get(time) ?? NaN);
    return { data, values };
  });
}

/** The chart of that line. `isStill`: it always shows the same stretch. */
export function useUsersSpec(key: string, height: number, isStill: boolean): ChartSpec {
  return useMemo(() => {
    const m = t.value;
    return {
      key,
      title: m.usersOnline,
      metrics: [],
      lines: [{ ...line(1, 'users', m.lineUsers, '--s1', 'line'), isFilled: true }],
      axis: axisNumber,
      value: (value) => num(value),
      atLeast: 5,
      height,
      isStill,
    };
  }, [key, height, isStill, lang.value]);
}
