// Widgets that are one figure: a number with its change and its line, and a gauge with its thresholds.

import type { Widget } from '../api/boards';
import type { Point } from '../api/types';
import { useAnswer } from '../live/answer';
import { ChangeMark } from '../ui/change';
import { arc } from '../ui/gauge';
import { Badge, sparkPath } from '../ui/parts';
import { ask, pushedFigures, type Found, type WidgetData } from './data';
import { figureOf, together, type Row } from './rows';
import { levelOf, writingOf, type Level } from './units';
import { b } from './words';

/** What was a period ago changes slowly. */
const BEFORE_MS = 300_000;
const SPARK_W = 200;
const SPARK_H = 44;

/** The one value of a widget: pushed, counted by the collector, or made of the points. */
export function valueOf(widget: Widget, rows: readonly Row[], points: readonly Point[], found: Found): number | null {
  const only = rows.length === 1 ? rows[0] : undefined;
  if (only && found.isLive && found.pushed.includes(only.metric)) {
    return pushedFigures.value[only.metric] ?? only.last;
  }
  if (only?.total != null && widget.config.aggregate === undefined) return only.total;
  return figureOf(points, widget.config.aggregate);
}

function Area({ points, level }: { points: readonly Point[]; level: Level }) {
  const values = points.map(([, value]) => value ?? NaN);
  if (values.length < 2) return null;
  const known = values.filter((value) => !Number.isNaN(value));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  // A line that hardly moves must not look like a mountain: the axis begins at 0 unless all is far from it.
  const floor = low > 0 && high - low < high * 0.5 ? low - (high - low) : Math.min(0, low);
  // What does not change runs through the middle.
  const isFlat = high === low;
  const path = sparkPath(values, isFlat ? low - 1 : floor, isFlat ? high + 1 : high, SPARK_H);
  const color = level === '' ? 'var(--s1)' : `var(--${level}-mark)`;
  const isWhole = path.split('M').length === 2;
  return (
    <svg class="wg-spark" viewBox={`0 0 ${SPARK_W} ${SPARK_H}`} preserveAspectRatio="none" aria-hidden="true">
      {isWhole && <path d={`${path}V${SPARK_H}H0Z`} fill={color} opacity="0.14" />}
      <path
        d={path}
        fill="none"
        stroke={color}
        stroke-width="1.5"
        stroke-linejoin="round"
        vector-effect="non-scaling-stroke"
      />
    </svg>
  );
}

interface Props {
  widget: Widget;
  data: WidgetData;
  found: Found;
  rows: readonly Row[];
}

/** The change against the period before, for a stretch that goes on. */
function useBefore(widget: Widget, { stretch }: WidgetData, isWanted: boolean): number | null {
  const key = JSON.stringify([isWanted, stretch.key, widget.config]);
  const { data, isOld } = useAnswer(key, isWanted ? BEFORE_MS : null, async (signal) => {
    if (!isWanted) return null;
    const before = await ask(widget, stretch, signal, stretch.ms);
    const rows = before.series.map((one) => one.points);
    return rows.length === 0 ? null : before;
  });
  if (!data || isOld) return null;
  const rows = data.series.map((one) => ({ ...one, key: '', label: '', last: null, total: null }));
  return figureOf(together(rows, widget.config.across), widget.config.aggregate ?? 'mean');
}

export function StatWidget({ widget, data, found, rows }: Props) {
  const { config } = widget;
  const points = together(rows, config.across);
  const value = valueOf(widget, rows, points, found);
  const isCounted = rows.some(({ total }) => total !== null);
  const before = useBefore(widget, data, found.isLive && !isCounted && rows.length > 0);
  const { parts, value: write } = writingOf(rows[0]?.unit ?? '', rows[0]?.metric ?? '', config.unit);
  const level = levelOf(value, config.warning, config.critical);
  const [amount, unit] = value === null ? ['—', ''] : parts(value);
  // Against the mean of before, the mean of now: one moment says little.
  const now = figureOf(points, config.aggregate ?? 'mean');
  const change =
    before !== null && before !== 0 && now !== null ? { share: (now - before) / before, isBetter: null } : null;
  return (
    <>
      <div class="row wg-top">
        <div class={`stat-v wg-v ${level}`} title={value === null ? undefined : write(value)}>
          {amount}
          {unit !== '' && <small>{unit}</small>}
        </div>
        {level !== '' && <Badge status={level === 'crit' ? 'critical' : 'warning'} />}
      </div>
      <div class="wg-change">
        {change && <ChangeMark change={change} isShort />}
        {change && <span class="sub ell">{b.value.before}</span>}
      </div>
      <Area points={points} level={level} />
    </>
  );
}

const START = 135;
const SWEEP = 270;
const CENTER = 70;
const TICK = 66;

function tickAt(angle: number): string {
  const turn = (angle * Math.PI) / 180;
  const at = (radius: number) => `${CENTER + radius * Math.cos(turn)} ${CENTER + radius * Math.sin(turn)}`;
  return `M${at(TICK)}L${at(TICK + 4.5)}`;
}

/** A round end for a scale whose unit has none. */
function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

export function GaugeWidget({ widget, found, rows }: Props) {
  const { config, title } = widget;
  const points = together(rows, config.across);
  const value = valueOf(widget, rows, points, found);
  const { value: write, axis, full } = writingOf(rows[0]?.unit ?? '', rows[0]?.metric ?? '', config.unit);
  const low = config.min ?? 0;
  const most = Math.max(figureOf(points, 'max') ?? 0, value ?? 0, config.critical ?? 0, config.warning ?? 0);
  const high = Math.max(config.max ?? full ?? roundUp(most), low + Number.EPSILON);
  const level = levelOf(value, config.warning, config.critical);
  const hasLimits = config.warning !== undefined || config.critical !== undefined;
  const angle = (v: number) => START + SWEEP * Math.max(0, Math.min(1, (v - low) / (high - low)));
  const color = level === '' ? (hasLimits ? 'var(--ok-mark)' : 'var(--s1)') : `var(--${level}-mark)`;
  const text = value === null ? '—' : write(value);
  // The ends of the scale are round, as an axis has them.
  const end = (v: number) => axis(v, high - low, high);
  const tick = (v: number | undefined, of: string) =>
    v !== undefined &&
    v > low &&
    v < high && <path d={tickAt(angle(v))} stroke={`var(${of})`} stroke-width="2.5" stroke-linecap="round" />;
  return (
    <div class="wg-dial" role="img" aria-label={b.value.gaugeText(title, text, end(low), end(high))} data-level={level}>
      <svg viewBox="0 0 140 126" aria-hidden="true">
        <path d={arc(START, START + SWEEP)} class="dial-track" />
        {value !== null && (
          <path d={arc(START, Math.max(START + 1, angle(value)))} class="dial-arc" style={{ stroke: color }} />
        )}
        {tick(config.critical, '--crit-mark')}
        {tick(config.warning, '--warn-mark')}
        <text x="27" y="124">
          {end(low)}
        </text>
        <text x="113" y="124">
          {end(high)}
        </text>
      </svg>
      <div class="wg-dial-v" aria-hidden="true">
        <b>{text}</b>
        {level !== '' && <Badge status={level === 'crit' ? 'critical' : 'warning'} />}
      </div>
    </div>
  );
}
