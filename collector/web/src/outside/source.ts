// What the page asks about the systems around it, and how the answers become lines of charts.

import { useMemo } from 'preact/hooks';

import { api, requests } from '../api/client';
import { outside } from '../api/outside-client';
import type { IntegrationInstance, IntegrationsAnswer } from '../api/outside';
import type { QueryAnswer } from '../api/types';
import { useAnswer, type Answer } from '../live/answer';
import * as clock from '../live/clock';
import type { Column } from '../requests/charts';

export const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Step of the lines that show an hour. */
export const HOUR_STEP_MS = 60_000;
/** Cells of a strip that shows a day. */
export const CELLS = 48;
const CELL_MS = DAY_MS / CELLS;

/** How often answers are worth asking for again, in milliseconds; the collector asks its sources at their own pace. */
export const EVERY = { users: 5_000, snapshot: 10_000, line: 15_000, strip: 60_000 } as const;

/** Instances of some kinds. */
export function instancesOf(answer: IntegrationsAnswer | null, kinds: readonly string[]): IntegrationInstance[] {
  return (answer?.kinds ?? []).filter(({ kind }) => kinds.includes(kind)).flatMap(({ instances }) => instances);
}

/** Whether anything at all is connected. */
export function hasAny(answer: IntegrationsAnswer | null): boolean {
  return answer?.kinds.some(({ instances }) => instances.length > 0) ?? false;
}

/** Numbers of the resource of an instance, or none while it is not known. */
export function resourceOf(answer: IntegrationsAnswer | null, kind: string, name: string): number[] {
  const found = answer?.kinds.find((one) => one.kind === kind)?.instances.find((one) => one.name === name);
  return found?.resource == null ? [] : [found.resource];
}

/** All integrations; their states matter to some pages, to others only the numbers of their resources. */
export function useIntegrations(every: number = EVERY.strip): Answer<IntegrationsAnswer> {
  return useAnswer('integrations', every, (signal) => outside.integrations(signal));
}

/** The resource of an instance: null when it has none, undefined until the list of integrations came. */
export function useResource(kind: string, instance: string | null): number | null | undefined {
  const { data, failure } = useIntegrations();
  if (data === null) return failure === null ? undefined : null;
  return instance === null ? undefined : (resourceOf(data, kind, instance)[0] ?? null);
}

export const USER_KINDS = ['online_users', 'plausible', 'fathom', 'umami'] as const;
export const HOSTING_KINDS = ['cloudwatch', 'railway', 'vercel', 'digitalocean'] as const;

type Series = QueryAnswer['series'][number];

/** The mean of several series by time: NaN and holes count for nothing. */
export function meanColumn(series: readonly Pick<Series, 'points'>[]): Column {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const { points } of series) {
    for (const [time, value] of points) {
      if (value === null) continue;
      const cell = sums.get(time) ?? { sum: 0, count: 0 };
      cell.sum += value;
      cell.count += 1;
      sums.set(time, cell);
    }
  }
  return new Map([...sums].map(([time, { sum, count }]) => [time, sum / count]));
}

/** The same times on the grid of a step; of several in one cell the last stays. */
export function onGrid(points: Iterable<readonly [number, number | null]>, step: number): Column {
  const found = new Map<number, number>();
  for (const [time, value] of points) if (value !== null) found.set(Math.floor(time / step) * step, value);
  return found;
}

export interface Strip {
  /** From left to right: share of the cell that was up, NaN where nothing was measured. */
  cells: number[];
  /** Mean over what was measured; null when nothing was. */
  up: number | null;
}

/** The cells of a day that ends at `to`, from series of states between 0 and 1; of several the lowest counts. */
export function strip(series: readonly Pick<Series, 'points'>[], to: number): Strip {
  const cells = new Array<number>(CELLS).fill(NaN);
  const end = Math.floor(to / CELL_MS) * CELL_MS;
  for (const { points } of series) {
    for (const [time, value] of points) {
      const at = CELLS - 1 - Math.round((end - Math.floor(time / CELL_MS) * CELL_MS) / CELL_MS);
      if (value === null || at < 0 || at >= CELLS) continue;
      const old = cells[at] ?? NaN;
      cells[at] = Number.isNaN(old) ? value : Math.min(old, value);
    }
  }
  const known = cells.filter((cell) => !Number.isNaN(cell));
  return { cells, up: known.length === 0 ? null : known.reduce((sum, cell) => sum + cell, 0) / known.length };
}

export interface States {
  to: number;
  answer: QueryAnswer;
}

/** What all checks said over the last day, for their strips. */
export function useDayOfChecks(): Answer<States> {
  return useAnswer('day of checks', EVERY.strip, async (signal) => {
    const to = clock.now();
    const parts = { metrics: ['farol.check.state'], resources: [], from: to - DAY_MS, to, step: CELL_MS };
    return { to, answer: await api.query(parts, signal) };
  });
}

/** The strip of one check by its name, or of all together. */
export function stripOf({ to, answer }: States, name: string | null): Strip {
  const series = answer.series.filter((one) => name === null || one.attributes['farol.check.name'] === name);
  return strip(series, to);
}

export interface Hour {
  from: number;
  to: number;
}

export function lastHour(): Hour {
  const to = clock.now();
  return { from: to - HOUR_MS, to };
}

/** Series of an hour, once the resources are known; null before. */
export function useHour(metrics: readonly string[], resources: readonly number[]): Answer<(Hour & QueryAnswer) | null> {
  const key = `${metrics.join()} ${resources.join()}`;
  return useAnswer(key, EVERY.line, async (signal) => {
    if (resources.length === 0) return null;
    const hour = lastHour();
    const answer = await api.query({ metrics, resources, ...hour, step: HOUR_STEP_MS }, signal);
    return { ...answer, ...hour };
  });
}

/** A list that stays the same object while its members do. */
export function useStable<T extends number | string>(list: readonly T[]): readonly T[] {
  const key = list.join();
  return useMemo(() => list, [key]);
}

/** Endpoints of which the slowest are shown. */
const ENDPOINTS_ASKED = 50;

/** What Farol itself measured of requests over the last hour. */
export async function ownRequests(signal: AbortSignal) {
  const hour = lastHour();
  const scope = { ...hour, service: null, tenant: null };
  const [latency, endpoints] = await Promise.all([
    requests.latency(scope, HOUR_STEP_MS, signal),
    requests.endpoints(scope, ENDPOINTS_ASKED, signal),
  ]);
  return { ...hour, latency, endpoints };
}
