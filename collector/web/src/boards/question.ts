// What a widget asks for: which stretch of time, which step, which resources, and which of its metrics are the collector's
// own figures. Asks nothing itself.

import type { FigurePeriod, Widget, WidgetConfig } from '../api/boards';
import type { Shown } from '../state/scope';
import { everyMs } from '../state/scope';
import { parseSpan, stepFor } from '../time/range';
import { COLUMNS } from './grid';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Points that a chart of the whole width can show, and what small figures need. */
const LINE_POINTS = 720;
const LINE_POINTS_MIN = 90;
const BARS_MAX = 48;
const BARS_MIN = 12;
const FIGURE_POINTS = 90;
/** Samples come once a second at most. */
const INTERVAL_MS = 1_000;
/** A widget is asked again at its step, but neither faster nor slower than this. */
const EVERY_MS_MIN = 5_000;
const EVERY_MS_MAX = 60_000;

export type Look = 'stat' | 'line' | 'bar' | 'gauge' | 'table' | 'status' | 'text' | 'unknown';

const LOOKS: readonly string[] = ['stat', 'line', 'bar', 'gauge', 'table', 'status', 'text'] satisfies Look[];

/** How a widget is drawn. A "chart" of another program says it in its settings. */
export function lookOf({ widget_type, config }: Pick<Widget, 'widget_type' | 'config'>): Look {
  const type = widget_type === 'chart' ? (config.chart_type ?? 'line') : widget_type;
  return LOOKS.includes(type) ? (type as Look) : 'unknown';
}

/** The part of the page's scope that a widget follows. */
export type Scope = Pick<Shown, 'key' | 'ms' | 'isLive' | 'at'>;

export interface Stretch extends Scope {
  step: number;
  /** Null for the past. */
  every: number | null;
}

function pointsFor(look: Look, width: number): number {
  const share = width / COLUMNS;
  if (look === 'line') return Math.max(LINE_POINTS_MIN, Math.round(LINE_POINTS * share));
  if (look === 'bar') return Math.max(BARS_MIN, Math.round(BARS_MAX * share));
  return FIGURE_POINTS;
}

/** A widget with a period of its own follows the page's range no more, except into a zoom. */
export function stretchOf(look: Look, config: WidgetConfig, width: number, page: Scope, isZoomed: boolean): Stretch {
  const own = config.period === undefined || isZoomed ? null : parseSpan(config.period);
  const scope: Scope =
    own === null ? page : { key: `last ${own}`, ms: own, isLive: true, at: (now) => ({ from: now - own, to: now }) };
  const step = stepFor(scope.ms, pointsFor(look, width), INTERVAL_MS);
  const every = Math.min(EVERY_MS_MAX, Math.max(EVERY_MS_MIN, step, look === 'line' ? 0 : everyMs(scope.ms)));
  return { ...scope, step, every: scope.isLive ? every : null };
}

const PERIODS: readonly [FigurePeriod, number][] = [
  ['1h', HOUR],
  ['24h', DAY],
  ['7d', 7 * DAY],
  ['30d', 30 * DAY],
];

/** The shortest period that reaches back to a moment. */
export function periodFor(from: number, now: number): FigurePeriod {
  // What was asked a moment ago is still within the hour.
  const age = now - from - 1_000;
  return PERIODS.find(([, ms]) => ms >= age)?.[0] ?? '30d';
}

/** Names of series have dots; the collector's figures have none, and are known by its answer. */
export function mayBeFigure(metric: string): boolean {
  return !metric.includes('.');
}
