// Numbers and times in the chosen language, by Intl. A narrow no-break space stands before a unit, none before %.

import { lang, t } from './index';

export const NARROW = '\u202f';

const numbers = new Map<string, Intl.NumberFormat>();
const dates = new Map<string, Intl.DateTimeFormat>();

/** A number with a fixed count of decimals. */
export function num(value: number, decimals = 0): string {
  const key = `${lang.value}/${decimals}`;
  let format = numbers.get(key);
  if (!format) {
    format = new Intl.NumberFormat(lang.value, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    numbers.set(key, format);
  }
  return format.format(value === 0 ? 0 : value);
}

/** Three significant digits, never more than two decimals. */
export function short(value: number): string {
  const size = Math.abs(value);
  return num(value, size >= 99.95 || size === 0 ? 0 : size >= 9.995 ? 1 : 2);
}

/** A ratio as a percentage. */
export function pct(ratio: number, decimals = 1): string {
  return `${num(ratio * 100, decimals)}%`;
}

/** The number of a ratio in percent, for cards that write the sign apart. */
export function pctNumber(ratio: number): string {
  const value = ratio * 100;
  return num(value, Math.abs(value) >= 99.95 || value === 0 ? 0 : 1);
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Number and unit of an amount of bytes, in powers of 1,024. */
export function bytesParts(value: number, like: number = value): [number: string, unit: string] {
  let index = 0;
  let size = Math.abs(like);
  // 1,023.95 would round to 1,024 of the smaller unit.
  while (size >= 1023.5 && index < BYTE_UNITS.length - 1) {
    size /= 1024;
    index += 1;
  }
  const scaled = value / 1024 ** index;
  return [index === 0 ? num(scaled) : short(scaled), BYTE_UNITS[index] ?? 'B'];
}

export function bytes(value: number): string {
  return bytesParts(value).join(NARROW);
}

export function rate(value: number): string {
  return `${bytes(value)}/s`;
}

/** "1.188 / 1.536 MiB": two amounts in the unit of the second. */
export function bytesOf(value: number, total: number): string {
  const [a] = bytesParts(value, total);
  const [b, unit] = bytesParts(total);
  return `${a} / ${b}${NARROW}${unit}`;
}

/** Decimals that a step of an axis needs. */
function stepDecimals(step: number): number {
  for (let decimals = 0; decimals < 3; decimals += 1) {
    if (Math.abs(step - Number(step.toFixed(decimals))) < step * 1e-6) return decimals;
  }
  return 3;
}

export function axisNumber(value: number, step: number): string {
  return value === 0 ? num(0) : num(value, stepDecimals(step));
}

/** An amount of bytes on an axis: in the unit of its top. */
export function axisBytes(value: number, step: number, top: number): string {
  if (value === 0) return num(0);
  let index = 0;
  while (top / 1024 ** index >= 1023.5 && index < BYTE_UNITS.length - 1) index += 1;
  const unit = 1024 ** index;
  return `${num(value / unit, stepDecimals(step / unit))}${NARROW}${BYTE_UNITS[index] ?? 'B'}`;
}

/** A count of cores: whole numbers bare, others with up to two decimals. */
export function cores(value: number): string {
  return Number.isInteger(value) ? num(value) : short(value);
}

/** A length of time from milliseconds: ms below 10 s when fine, then s, min, h, d. */
export function span(ms: number, isFine = false): string {
  const size = Math.max(0, ms);
  if (isFine && size < 10_000) return `${num(size)}${NARROW}ms`;
  const s = size / 1000;
  if (s < 9.95) return `${num(s, 1)}${NARROW}s`;
  if (s < 59.5) return `${num(Math.round(s))}${NARROW}s`;
  if (s < 3570) return `${num(Math.round(s / 60))}${NARROW}min`;
  if (s < 84_600) return `${num(Math.round(s / 3600))}${NARROW}h`;
  return `${num(Math.round(s / 86_400))}${NARROW}d`;
}

/** Number and unit of a duration in milliseconds: finer below 10 ms, seconds from 10 s on. */
export function millisParts(ms: number): [number: string, unit: string] {
  const size = Math.abs(ms);
  if (size >= 9_999.5) return [short(ms / 1000), 's'];
  return [num(ms, size === 0 || size >= 9.95 ? 0 : size >= 0.995 ? 1 : 2), 'ms'];
}

export function millis(ms: number): string {
  return millisParts(ms).join(NARROW);
}

/** A duration on an axis: in the unit of its top. */
export function axisMillis(value: number, step: number, top: number): string {
  if (value === 0) return num(0);
  const isSeconds = top >= 10_000;
  const unit = isSeconds ? 1000 : 1;
  return `${num(value / unit, stepDecimals(step / unit))}${NARROW}${isSeconds ? 's' : 'ms'}`;
}

const SPAN_UNITS: Record<string, string> = { m: 'min' };

/** The length of a range as its presets write it: "5 min", "24 h", "7 d". */
export function rangeSpan(text: string): string {
  const [, amount = '', unit = ''] = /^(\d+)([a-z]+)$/.exec(text) ?? [];
  return `${num(Number(amount))}${NARROW}${SPAN_UNITS[unit] ?? unit}`;
}

/** The same with whole seconds from the first, for ages that change every second. */
export function age(ms: number): string {
  return ms < 59_500 ? `${num(Math.max(0, Math.round(ms / 1000)))}${NARROW}s` : span(ms);
}

export function ago(ms: number): string {
  return t.value.ago(span(ms));
}

function date(key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const id = `${lang.value}/${key}`;
  let format = dates.get(id);
  if (!format) {
    format = new Intl.DateTimeFormat(lang.value, { ...options, hourCycle: 'h23' });
    dates.set(id, format);
  }
  return format;
}

const HM: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' };

export function hhmm(ms: number): string {
  return date('hm', HM).format(ms);
}

export function hhmmss(ms: number): string {
  return date('hms', { ...HM, second: '2-digit' }).format(ms);
}

export function dayMonth(ms: number): string {
  return date(
    'dm',
    lang.value === 'en' ? { day: 'numeric', month: 'short' } : { day: '2-digit', month: '2-digit' },
  ).format(ms);
}

/** Day and time, for titles and for tables. */
export function stamp(ms: number): string {
  return `${dayMonth(ms)} ${hhmmss(ms)}`;
}

export function monthYear(ms: number): string {
  const text = date('my', { month: 'long', year: 'numeric' }).format(ms);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The initial letters of the days, Sunday first. */
export function weekdays(): string[] {
  const format = date('wd', { weekday: 'narrow' });
  return Array.from({ length: 7 }, (_, day) => format.format(new Date(2026, 2, 1 + day)));
}

/** The name of the user's time zone. */
export function zone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone.replaceAll('_', ' ');
}
