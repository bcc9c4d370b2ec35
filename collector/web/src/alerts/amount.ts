// How judged values are written, and how a threshold is read that a person typed: by the unit of what the rule judges.

import type { Condition } from '../api/alerts';
import { isShare, writingOf } from '../boards/units';
import { NARROW, pct, short, span } from '../i18n/format';

/** Standard deviations: what "outside its usual spread" judges. */
export const SPREAD = 'σ';
/** A share, written as a percentage. */
export const RATIO = '%1';

/** Metrics whose unit is 1 and that are no share of anything. */
const PLAIN = /(\.(state|up|ok|ready|apdex)|fragmentation_ratio)$|^hosting\.value$/;

/** The unit of what a condition judges: that of the metric unless something is made of it. */
export function judgedUnit(condition: Condition, unit: string): string {
  if (condition.type === 'silent') return 's';
  if (condition.type !== 'series') return '';
  const { aggregate, against = 'nothing', divided_by: divisor, metric } = condition;
  if (against === 'usual') return SPREAD;
  if (against !== 'nothing') return RATIO;
  if (aggregate === 'absent' || aggregate === 'until') return 's';
  if (aggregate === 'count') return '';
  if (divisor) return RATIO;
  if (aggregate === 'rate') return unit.endsWith('/s') ? unit : `${unit}/s`;
  return isShare(unit, metric) ? RATIO : unit;
}

/** The unit of an alert, that names its metric and unit but not what was made of them. */
export function alertUnit(unit: string, metric: string): string {
  return unit === '1' && !PLAIN.test(metric) ? RATIO : unit;
}

/** From so many seconds on a time is no latency. */
const LONG_S = 120;

/** A judged value in words: "93%", "1.5 GiB", "500 ms", "3 h". */
export function amount(value: number | null, unit: string): string {
  if (value === null || !Number.isFinite(value)) return '—';
  if (unit === SPREAD) return `${short(value)}${NARROW}${SPREAD}`;
  if (unit === 's' && Math.abs(value) >= LONG_S) return span(value * 1000);
  if (unit === RATIO) return pct(value, Math.abs(value * 100 - Math.round(value * 100)) < 0.05 ? 0 : 1);
  return writingOf(unit, '').value(value);
}

/** The same as a chart writes it. */
export function writing(unit: string): Pick<ReturnType<typeof writingOf>, 'axis' | 'value' | 'base'> {
  return unit === RATIO ? writingOf('1', 'ratio') : writingOf(unit === SPREAD ? '' : unit, '');
}

const SIZES: Record<string, Record<string, number>> = {
  By: {
    b: 1,
    kib: 2 ** 10,
    mib: 2 ** 20,
    gib: 2 ** 30,
    tib: 2 ** 40,
    kb: 1e3,
    mb: 1e6,
    gb: 1e9,
    tb: 1e12,
    k: 2 ** 10,
    m: 2 ** 20,
    g: 2 ** 30,
    t: 2 ** 40,
  },
  s: { ms: 1e-3, s: 1, min: 60, m: 60, h: 3_600, d: 86_400 },
  [RATIO]: { '%': 0.01 },
};

/** What a bare number counts: percents of a share, else the unit itself. */
function bare(unit: string): number {
  return unit === RATIO ? 0.01 : 1;
}

/** What stands behind the field of a threshold. */
export function unitSign(unit: string): string {
  if (unit === RATIO) return '%';
  return unit
    .replace(/[{}]/g, '')
    .replace(/^By/, 'B')
    .replace(/^1(\/s)?$/, '$1');
}

/** Digits that a value keeps when it is written into a field. */
const DIGITS = 12;

/** A value as it stands in a field. */
export function written(value: number | undefined, unit: string): string {
  return value === undefined ? '' : String(Number((value / bare(unit)).toPrecision(DIGITS)));
}

/** "80", "80%", "1.5 GiB", "500 ms" in the judged unit; undefined when empty, null when it is no amount. */
export function readAmount(text: string, unit: string): number | null | undefined {
  const clean = text.trim().replace(',', '.').toLowerCase();
  if (clean === '') return undefined;
  const [, digits = '', word = ''] = /^([+-]?[\d.]+(?:e[+-]?\d+)?)\s*([a-z%]*)(?:\/s)?$/.exec(clean) ?? [];
  const value = digits === '' ? NaN : Number(digits);
  if (!Number.isFinite(value)) return null;
  if (word === '') return Number((value * bare(unit)).toPrecision(DIGITS));
  const size = SIZES[unit.replace(/\/s$/, '')]?.[word];
  return size === undefined ? null : Number((value * size).toPrecision(DIGITS));
}

/** "90", "5 min", "2h" in seconds; undefined when empty, null when it is no time. A bare number is seconds. */
export function readSeconds(text: string): number | null | undefined {
  const value = readAmount(text, 's');
  return value == null ? value : value < 0 ? null : Math.round(value);
}

/** Seconds as `readSeconds` takes them: "45 s", "5 min", "24 h". */
export function seconds(value: number): string {
  for (const [size, word] of [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
  ] as const) {
    if (value >= size && value % size === 0 && !(word === 'd' && value === 86_400)) {
      return `${value / size}${NARROW}${word}`;
    }
  }
  return `${value}${NARROW}s`;
}
