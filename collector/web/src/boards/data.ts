// The data of a widget, asked for while it is on screen: series from the history, figures that the collector makes, and
// what of those is pushed. Bounded: one question at a time a widget; figures of a period are asked once for all widgets.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { boards, type FigurePeriod, type FiguresAnswer, type Widget, type WidgetConfig } from '../api/boards';
import { ApiError, get } from '../api/client';
import type { Point, QueryAnswer } from '../api/types';
import { useAnswer, type Answer } from '../live/answer';
import * as clock from '../live/clock';
import { join } from '../live/feed';
import { fleet, isLoaded } from '../live/fleet';
import { zoom } from '../state/route';
import { shown } from '../state/scope';
import { lookOf, mayBeFigure, periodFor, stretchOf, type Stretch } from './question';
import type { Series } from './rows';

export interface Found {
  /** Why there is nothing: the person may not see it, no resource has the keys, or no metric was chosen. */
  reason: 'denied' | 'unknown' | 'unset' | null;
  series: Series[];
  from: number;
  to: number;
  step: number;
  isLive: boolean;
  /** Names among the metrics that are the collector's own figures and are pushed. */
  pushed: readonly string[];
}

/** Widgets on one page ask for the same figures within moments of each other. */
const FIGURES_KEPT_MS = 2_500;
/** The collector takes no more metrics in one question. */
const METRICS_MAX = 16;

const asked = new Map<FigurePeriod, { at: number; answer: Promise<FiguresAnswer> }>();

function figures(period: FigurePeriod): Promise<FiguresAnswer> {
  const now = Date.now();
  const have = asked.get(period);
  if (have && now - have.at < FIGURES_KEPT_MS) return have.answer;
  const answer = boards.figures(period);
  asked.set(period, { at: now, answer });
  answer.catch(() => asked.delete(period));
  return answer;
}

/** Forgets what was asked; for another person, and for tests. */
export function forgetFigures(): void {
  asked.clear();
  pushedFigures.value = {};
}

/** The newest figures as they are pushed, by name. */
export const pushedFigures = signal<Readonly<Record<string, number>>>({});
let listeners = 0;
let leave: (() => void) | null = null;

function takeFigures(messages: readonly unknown[]): void {
  const newest = messages.at(-1);
  if (typeof newest !== 'object' || newest === null) return;
  const next: Record<string, number> = {};
  for (const [name, value] of Object.entries(newest)) if (typeof value === 'number') next[name] = value;
  pushedFigures.value = next;
}

/** Listens to the room of figures while any widget on screen shows one. */
export function usePushed(isWanted: boolean): void {
  useEffect(() => {
    if (!isWanted) return;
    listeners += 1;
    leave ??= join('dashboard', takeFigures);
    return () => {
      listeners -= 1;
      if (listeners > 0) return;
      leave?.();
      leave = null;
      pushedFigures.value = {};
    };
  }, [isWanted]);
}

/** Numbers of the resources with these keys; null while the list of resources has not come. */
export function numbersOf(keys: readonly string[]): number[] | null {
  if (keys.length === 0) return [];
  if (!isLoaded.value) return null;
  const wanted = new Set(keys);
  return [...fleet.value.values()].filter(({ row }) => wanted.has(row.value.key)).map(({ id }) => id);
}

/** The address that answers for series. */
export function queryPath(
  metrics: readonly string[],
  resources: readonly number[],
  config: WidgetConfig,
  at: Stretch,
  now: number,
) {
  const { from, to } = at.at(now);
  const params = new URLSearchParams({ metric: metrics.slice(0, METRICS_MAX).join() });
  if (resources.length > 0) params.set('resource', resources.join());
  for (const [key, value] of Object.entries(config.attributes ?? {})) params.append('attribute', `${key}=${value}`);
  params.set('from', String(Math.round(from)));
  params.set('to', String(Math.round(to)));
  params.set('step', String(at.step));
  params.set('points', String(Math.ceil((to - from) / at.step) + 2));
  if (config.aggregate !== undefined) params.set('aggregate', config.aggregate);
  if (config.across !== undefined && config.across !== 'none') params.set('across', config.across);
  return `api/v1/query?${params.toString()}`;
}

function figureSeries(answer: FiguresAnswer, name: string, index: number, from: number, to: number): Series | null {
  const figure = answer.metrics[name];
  if (!figure) return null;
  const points = figure.points.filter(([time]) => time >= from && time <= to) as Point[];
  return {
    id: -1 - index,
    resource: 0,
    metric: name,
    unit: figure.unit,
    attributes: {},
    points,
    ...(figure.total != null ? { total: figure.total } : {}),
  };
}

/** Asks for everything that a widget shows. `shiftMs` asks for as long ago. */
export async function ask(widget: Widget, at: Stretch, signal: AbortSignal, shiftMs = 0): Promise<Found> {
  const { config } = widget;
  const metrics = config.metrics ?? [];
  const now = clock.now() - shiftMs;
  const { from, to } = at.at(now);
  const nothing: Found = { reason: null, series: [], from, to, step: at.step, isLive: at.isLive, pushed: [] };
  if (metrics.length === 0) return { ...nothing, reason: 'unset' };
  try {
    const made = metrics.some(mayBeFigure) ? await figures(periodFor(from, clock.now())).catch(withoutFigures) : null;
    const own = metrics.flatMap((name, i) => {
      const series = made && figureSeries(made, name, i, from, to);
      return series ? [series] : [];
    });
    const rest = metrics.filter((name) => !own.some(({ metric }) => metric === name));
    // The figures are already of every resource together; their steps are coarser than a chart's.
    const step = rest.length === 0 && made ? Math.max(at.step, made.step) : at.step;
    // What is counted is pushed for another stretch of time; what goes up and down is the same everywhere.
    const pushed = own.map(({ metric }) => metric).filter((name) => made?.metrics[name]?.current != null);
    if (rest.length === 0) return { ...nothing, series: own, step, pushed };
    const resources = numbersOf(config.resources ?? []) ?? [];
    if (resources.length === 0 && (config.resources ?? []).length > 0) {
      return { ...nothing, series: own, pushed, reason: own.length === 0 ? 'unknown' : null };
    }
    const answer = await get<QueryAnswer>(queryPath(rest, resources, config, at, now), signal);
    return {
      ...nothing,
      series: [...own, ...answer.series],
      from: answer.from,
      to: answer.to,
      // Raw samples have no step; the grid of the picture does.
      step: answer.step > 0 ? answer.step : at.step,
      pushed,
    };
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return { ...nothing, reason: 'denied' };
    throw error;
  }
}

/** A collector without figures has series all the same; what may not be seen is said. */
function withoutFigures(error: unknown): null {
  if (error instanceof ApiError && error.status === 404) return null;
  throw error;
}

export interface WidgetData {
  answer: Answer<Found>;
  stretch: Stretch;
}

/** The data of a widget; only what is on screen is asked for again. */
export function useWidget(widget: Widget, isSeen: boolean): WidgetData {
  const { config, position } = widget;
  const look = lookOf(widget);
  const stretch = stretchOf(look, config, position.width, shown.value, zoom.value !== null);
  const wanted = config.resources ?? [];
  const isReady = wanted.length === 0 || isLoaded.value;
  // What decides the question, and nothing that does not: a new title asks for nothing.
  const { metrics, attributes, aggregate, across } = config;
  const key = JSON.stringify([
    look,
    stretch.key,
    stretch.step,
    metrics,
    wanted,
    attributes,
    aggregate,
    across,
    isReady,
  ]);
  const answer = useAnswer<Found>(key, isSeen && isReady ? stretch.every : null, (signal) => {
    if (!isReady) return new Promise<Found>(() => undefined);
    return ask(widget, stretch, signal);
  });
  // Not by what is on screen: scrolling must not change the subscription again and again.
  usePushed(stretch.isLive && (answer.data?.pushed.length ?? 0) > 0);
  return { answer, stretch };
}
