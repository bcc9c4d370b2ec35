// The charts of one Redis over the page's range: hit ratio, memory, commands; and hits and misses of the last hour.

import { useMemo } from 'preact/hooks';

import { api } from '../api/client';
import type { QueryAnswer } from '../api/types';
import { pickData, pickLine, points, type Pick } from '../chart/pick';
import type { ChartSpec } from '../chart/spec';
import { axisBytes, axisNumber, bytes, num, pct, short } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { useAnswer, type Answer } from '../live/answer';
import * as clock from '../live/clock';
import { shown } from '../state/scope';
import { stepFor } from '../time/range';
import { HIT_OK } from './source';

/** Points of a chart of a third of the page, and of a small one. */
const POINTS = 360;
const SMALL_POINTS = 120;
const INTERVAL_MS = 2_000;
const HOUR_MS = 3_600_000;
const METRICS = ['redis.hit_ratio', 'redis.memory.used', 'redis.memory.limit', 'redis.commands.processed'] as const;

/** Asks for the history of one resource, and again while it is live. Empty where it has none, null until that is known. */
export function useHistory(
  resource: number | null | undefined,
  metrics: readonly string[],
  span: { key: string; ms: number; every: number | null; at: (now: number) => { from: number; to: number } },
  most: number,
): Answer<QueryAnswer | null> {
  return useAnswer(`${resource} ${metrics.join()} ${span.key}`, span.every, async (signal) => {
    if (resource === undefined) return null;
    const step = stepFor(span.ms, most, INTERVAL_MS);
    const stretch = { ...span.at(clock.now()), step };
    if (resource === null) return { ...stretch, tier: '', series: [] };
    return api.query({ metrics, resources: [resource], ...stretch }, signal);
  });
}

export function useCacheHistory(resource: number | null | undefined): Answer<QueryAnswer | null> {
  return useHistory(resource, METRICS, shown.value, POINTS);
}

type Scale = NonNullable<ChartSpec['scale']>;

/** The part of the scale that the hit ratio lives in; always with the line it should stay above. */
export function hitScale(lowest: number | null): Scale {
  if (lowest === null || lowest >= 0.88)
    return { min: 0.88, max: 1.004, splits: [0.88, 0.9, 0.92, 0.94, 0.96, 0.98, 1] };
  if (lowest >= 0.6) return { min: 0.6, max: 1.01, splits: [0.6, 0.7, 0.8, 0.9, 1] };
  return { min: 0, max: 1.02, splits: [0, 0.25, 0.5, 0.75, 1] };
}

const HIT: readonly Pick[] = [{ metric: 'redis.hit_ratio' }, { constant: HIT_OK }];
const MEMORY: readonly Pick[] = [{ metric: 'redis.memory.used' }, { metric: 'redis.memory.limit' }];
const COMMANDS: readonly Pick[] = [{ metric: 'redis.commands.processed' }];

function lowest(answer: QueryAnswer | null): number | null {
  let found: number | null = null;
  for (const [, value] of answer ? points(answer, { metric: 'redis.hit_ratio' }) : []) {
    if (value !== null && (found === null || value < found)) found = value;
  }
  return found;
}

function hitSpec(scale: Scale): ChartSpec {
  const m = t.value;
  return {
    key: 'cache-hits',
    title: m.cacheHitRatio,
    metrics: [],
    lines: [
      pickLine(1, 'hit', m.cacheHitRatioSmall, '--s1', { isFilled: true }),
      pickLine(2, 'warn', m.cacheWarnAt(pct(HIT_OK, 0)), '--warn', {
        role: 'limit',
        mark: m.cacheWarnAt(pct(HIT_OK, 0)),
      }),
    ],
    axis: (value) => pct(value, 0),
    value: (value) => pct(value),
    height: 190,
    scale,
  };
}

function memorySpec(hasLimit: boolean): ChartSpec {
  const m = t.value;
  const limit = pickLine(2, 'limit', m.lineLimit, '--text-3', { role: 'limit' });
  return {
    key: 'cache-memory',
    title: m.memory,
    metrics: [],
    lines: [pickLine(1, 'used', m.lineMemory, '--s1', { isFilled: true }), ...(hasLimit ? [limit] : [])],
    axis: axisBytes,
    value: bytes,
    height: 84,
    base: 2,
  };
}

function commandSpec(): ChartSpec {
  const m = t.value;
  return {
    key: 'cache-commands',
    title: m.cacheCommands,
    metrics: [],
    lines: [pickLine(1, 'commands', m.cacheCommandsSmall, '--s3', { isFilled: true })],
    axis: (value, step) => (value === 0 ? num(0) : `${axisNumber(value, step)}/s`),
    value: (value) => `${short(value)}/s`,
    height: 88,
  };
}

/** Three charts out of one answer. A limit that is far away would flatten the line of what is used. */
export function useCacheCharts(answer: Answer<QueryAnswer | null>, hasLimit: boolean) {
  const { data } = answer;
  const low = lowest(data);
  const scale = hitScale(low);
  const hit = useMemo(() => hitSpec(scale), [lang.value, scale.min]);
  const memory = useMemo(() => memorySpec(hasLimit), [lang.value, hasLimit]);
  const commands = useMemo(commandSpec, [lang.value]);
  return {
    hit: { spec: hit, data: useMemo(() => data && pickData(data, HIT), [data]) },
    memory: { spec: memory, data: useMemo(() => data && pickData(data, MEMORY), [data]) },
    commands: { spec: commands, data: useMemo(() => data && pickData(data, COMMANDS), [data]) },
  };
}

export const lastHour = {
  key: 'hour',
  ms: HOUR_MS,
  every: 15_000,
  at: (now: number) => ({ from: now - HOUR_MS, to: now }),
};

const READS: readonly Pick[] = [{ metric: 'redis.keyspace.misses' }, { metric: 'redis.keyspace.hits' }];

/** Reads found and not found in the last hour, for the overview. */
export function useReads(resource: number | null | undefined) {
  const answer = useHistory(resource, ['redis.keyspace.hits', 'redis.keyspace.misses'], lastHour, SMALL_POINTS);
  const { data } = answer;
  const spec = useMemo<ChartSpec>(() => {
    const m = t.value;
    return {
      key: 'q-cache-reads',
      title: m.cacheReads,
      metrics: [],
      lines: [
        pickLine(1, 'misses', m.cacheMisses, '--s2', { role: 'stack' }),
        pickLine(2, 'hits', m.cacheHits, '--s1', { role: 'stack' }),
      ],
      axis: axisNumber,
      value: (value) => `${short(value)}/s`,
      height: 76,
    };
  }, [lang.value]);
  const drawn = useMemo(() => data && pickData(data, READS), [data]);
  return { spec, data: drawn, failure: answer.failure, retry: answer.retry };
}
