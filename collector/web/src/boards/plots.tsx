// Widgets that are charts: lines and bars, at most eight, on the page's chart module.

import { useMemo } from 'preact/hooks';

import type { Widget } from '../api/boards';
import { DataChart } from '../chart/chart';
import { pickLine } from '../chart/pick';
import type { ChartSpec, Line } from '../chart/spec';
import { lang } from '../i18n/index';
import type { Found, WidgetData } from './data';
import { heightOf } from './grid';
import type { Look } from './question';
import { largest, rowsOf, type Row } from './rows';
import { writingOf } from './units';
import { b } from './words';

const COLORS = ['--s1', '--s2', '--s3', '--s4', '--s5', '--s6', '--s7', '--s8'] as const;
/** Head, legend and margins of the card around the picture. */
const AROUND_PX = 96;
const LEAST_PX = 48;

export function drawnRows(data: Found, nameOf: (id: number) => string): { rows: Row[]; all: number } {
  const all = rowsOf(data.series, nameOf);
  return { rows: largest(all, COLORS.length), all: all.length };
}

function limits({ config }: Widget, count: number, write: (value: number) => string): Line[] {
  const line = (key: 'warning' | 'critical', color: string, id: number): Line[] => {
    const value = config[key];
    if (value === undefined) return [];
    return [pickLine(id, key, write(value), color, { role: 'limit', mark: write(value) })];
  };
  return [...line('warning', '--warn-mark', count + 1), ...line('critical', '--crit-mark', count + 2)];
}

function specOf(widget: Widget, look: Look, rows: readonly Row[], height: number): ChartSpec {
  const { config, id, title } = widget;
  const first = rows[0];
  const { axis, value, base } = writingOf(first?.unit ?? '', first?.metric ?? '', config.unit);
  const isAlone = rows.length === 1;
  const lines = rows.map((row, i) =>
    pickLine(i + 1, row.key, row.label, COLORS[i] ?? '--s8', {
      role: look === 'bar' ? 'bar' : 'line',
      isFilled: isAlone && look === 'line',
    }),
  );
  const ends =
    config.min !== undefined && config.max !== undefined && config.min < config.max
      ? { scale: { min: config.min, max: config.max, splits: splits(config.min, config.max) } }
      : config.max === undefined
        ? {}
        : { atLeast: config.max };
  return {
    key: `wg-${id}`,
    title,
    metrics: [],
    lines: [...lines, ...(look === 'line' ? limits(widget, rows.length, value) : [])],
    axis,
    value,
    height,
    ...(base === undefined ? {} : { base }),
    ...ends,
  };
}

function splits(min: number, max: number): number[] {
  return [0, 1, 2, 3, 4].map((i) => min + ((max - min) * i) / 4);
}

interface Props {
  widget: Widget;
  look: Look;
  data: WidgetData;
  found: Found;
  rows: readonly Row[];
}

export function PlotWidget({ widget, look, data, found, rows }: Props) {
  const height = heightOf(widget.position.height) - AROUND_PX;
  const { config } = widget;
  // A chart is made anew when what it is made of has changed, not with each answer.
  const kind = JSON.stringify([
    look,
    height,
    config,
    widget.title,
    lang.value,
    rows.map(({ key, label }) => key + label),
  ]);
  const spec = useMemo(() => specOf(widget, look, rows, height), [kind]);
  const shown = useMemo(() => {
    const { from, to, step } = found;
    const series = rows.map((row, i) => series1(i + 1, row.points));
    const constants = [config.warning, config.critical].flatMap((value, i) => {
      if (value === undefined || look !== 'line') return [];
      const points: Row['points'] = [
        [from, value],
        [to - step, value],
      ];
      return [series1(rows.length + 1 + i, everyStep(points, step))];
    });
    return {
      answer: { from, to, step, tier: '', series: [...series, ...constants] },
      stretch: { from, to, step, isLive: false },
    };
  }, [found, kind]);
  if (height < LEAST_PX) return <p class="muted wg-small">{b.value.tooSmall}</p>;
  return <DataChart spec={spec} data={shown} failure={null} onRetry={data.answer.retry} isBare />;
}

function series1(id: number, points: Row['points']) {
  return { id, resource: 0, metric: '', unit: '', attributes: {}, points: [...points] };
}

/** The same value all along. */
function everyStep(ends: Row['points'], step: number): Row['points'] {
  const [from, to] = [ends[0]?.[0] ?? 0, ends[1]?.[0] ?? 0];
  const value = ends[0]?.[1] ?? null;
  return Array.from({ length: Math.max(1, Math.floor((to - from) / step) + 1) }, (_, i) => [from + i * step, value]);
}
