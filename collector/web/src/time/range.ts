// Time ranges: presets, what a person may type, and how they stand in the address.

import type { Lang } from '../i18n/index';

export type Range = { kind: 'last'; ms: number } | { kind: 'between'; from: number; to: number };

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

export const PRESETS = ['5m', '15m', '1h', '6h', '24h', '7d', '30d'] as const;
export const DEFAULT_RANGE = '15m';
/** Pages whose subject is rarer than samples begin with more. */
const PAGE_RANGES: Record<string, string> = {
  '/requests': '1h',
  '/alerts': '1h',
  '/alerts/history': '7d',
  '/events': '1h',
  '/errors': '24h',
  '/health': '24h',
  '/uptime': '24h',
};
/** Nothing shorter can be seen at one sample a second; nothing longer is kept. */
const SHORTEST_MS = 10 * SECOND;
const LONGEST_MS = 800 * DAY;

const UNITS: Record<string, number> = {
  s: SECOND,
  seg: SECOND,
  sec: SECOND,
  m: MINUTE,
  min: MINUTE,
  h: HOUR,
  d: DAY,
  w: 7 * DAY,
  sem: 7 * DAY,
};

const MONTHS: Record<string, number> = {
  jan: 0, fev: 1, feb: 1, mar: 2, abr: 3, apr: 3, mai: 4, may: 4, jun: 5, jul: 6, ago: 7, aug: 7, set: 8, sep: 8,
  out: 9, oct: 9, nov: 10, dez: 11, dec: 11,
}; // prettier-ignore

/** Steps between points that the axis can show, in milliseconds. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400].map(
  (s) => s * SECOND,
);

/** The step for a span of time that gives at most `points` points and none finer than the samples are. */
export function stepFor(ms: number, points: number, intervalMs: number): number {
  const wanted = Math.max(ms / Math.max(1, points), intervalMs);
  return STEPS.find((step) => step >= wanted - 1) ?? Math.ceil(wanted / DAY) * DAY;
}

/** "45m", "1h30m", "7 d" in milliseconds. */
export function parseSpan(text: string): number | null {
  const clean = text.trim().toLowerCase();
  if (!/^(\d+(?:[.,]\d+)?\s*[a-z]+\s*)+$/.test(clean)) return null;
  let sum = 0;
  for (const [, amount, unit] of clean.matchAll(/(\d+(?:[.,]\d+)?)\s*([a-z]+)/g)) {
    const size = UNITS[unit ?? ''];
    if (size === undefined) return null;
    sum += Number((amount ?? '').replace(',', '.')) * size;
  }
  return sum >= SHORTEST_MS && sum <= LONGEST_MS ? sum : null;
}

/** The shortest text that `parseSpan` reads back. */
export function spanText(ms: number): string {
  if (ms === DAY) return '24h';
  for (const [unit, size] of [
    ['d', DAY],
    ['h', HOUR],
    ['m', MINUTE],
  ] as const) {
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${Math.round(ms / SECOND)}s`;
}

interface Moment {
  day: Date;
  /** Milliseconds into the day; null when only the day was named. */
  time: number | null;
}

function startOfDay(ms: number): Date {
  const day = new Date(ms);
  day.setHours(0, 0, 0, 0);
  return day;
}

function dayOf(year: number | null, month: number, day: number, now: number): Date | null {
  const current = new Date(now).getFullYear();
  const make = (y: number) => new Date(y, month, day);
  let date = make(year ?? current);
  if (date.getMonth() !== month || date.getDate() !== day) return null;
  // A day without a year is the last one of that name.
  if (year === null && date.getTime() > now) date = make(current - 1);
  return date;
}

function parseDay(text: string, now: number, lang: Lang): Date | null {
  if (text === 'hoje' || text === 'today') return startOfDay(now);
  if (text === 'ontem' || text === 'yesterday') {
    const day = startOfDay(now);
    day.setDate(day.getDate() - 1);
    return day;
  }
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text);
  if (iso) return dayOf(Number(iso[1]), Number(iso[2]) - 1, Number(iso[3]), now);
  const slash = /^(\d{1,2})\/(\d{1,2})(?:\/(\d{4}))?$/.exec(text);
  if (slash) {
    const [a, b] = [Number(slash[1]), Number(slash[2])];
    const year = slash[3] === undefined ? null : Number(slash[3]);
    return lang === 'en' ? dayOf(year, a - 1, b, now) : dayOf(year, b - 1, a, now);
  }
  const named = /^(?:([a-zç]{3})[a-zç]*\.? (\d{1,2})|(\d{1,2}) (?:de )?([a-zç]{3})[a-zç]*\.?)$/.exec(text);
  const month = MONTHS[named?.[1] ?? named?.[4] ?? ''];
  return named && month !== undefined ? dayOf(null, month, Number(named[2] ?? named[3]), now) : null;
}

function parseTime(text: string): number | null {
  const match = /^(\d{1,2})(?::(\d{2})(?::(\d{2}))?|h(\d{2})?)$/.exec(text);
  if (!match) return null;
  const [h, m, s] = [Number(match[1]), Number(match[2] ?? match[4] ?? 0), Number(match[3] ?? 0)];
  return h <= 24 && m < 60 && s < 60 ? h * HOUR + m * MINUTE + s * SECOND : null;
}

function parseMoment(text: string, now: number, lang: Lang, day: Date | null): Moment | null {
  const clean = text.trim();
  const alone = parseTime(clean);
  if (alone !== null) return { day: day ?? startOfDay(now), time: alone };
  const both = /^(.+?)(?:,? |t)(\d{1,2}(?:[:h]\d{0,2}(?::\d{2})?))$/.exec(clean);
  if (both) {
    const date = parseDay((both[1] ?? '').trim(), now, lang);
    const time = parseTime(both[2] ?? '');
    if (date && time !== null) return { day: date, time };
  }
  const date = parseDay(clean, now, lang);
  return date && { day: date, time: null };
}

function at(moment: Moment, isEnd: boolean): number {
  const day = new Date(moment.day);
  if (moment.time === null && isEnd) day.setDate(day.getDate() + 1);
  return day.getTime() + (moment.time ?? 0);
}

/** A range within what can be shown, or null. */
export function between(from: number, to: number, now: number): Range | null {
  const end = Math.min(to, now);
  return end - from >= SHORTEST_MS && end - from <= LONGEST_MS ? { kind: 'between', from, to: end } : null;
}

/** What a person typed: a span ("45m"), a day ("ontem"), or two moments ("yesterday 14:00 to 15:30"). */
export function parseRange(text: string, now: number, lang: Lang): Range | null {
  const clean = text.trim().toLowerCase().replace(/\s+/g, ' ');
  const ms = parseSpan(clean);
  if (ms !== null) return { kind: 'last', ms };
  const parts = clean.split(/ (?:até|ate|to|a|-|–) |\s*–\s*|(?<=\d[\dh])-(?=\d{1,2}[:h])/);
  const first = parseMoment(parts[0] ?? '', now, lang, null);
  if (!first || parts.length > 2) return null;
  if (parts.length === 1) {
    if (first.time !== null) return between(at(first, false), now, now);
    return between(at(first, false), at(first, true), now);
  }
  const second = parseMoment(parts[1] ?? '', now, lang, first.day);
  return second && between(at(first, false), at(second, true), now);
}

/** The range that a page begins with. */
export function defaultRange(page: string): string {
  return PAGE_RANGES[page] ?? (page.startsWith('/d/') ? '1h' : DEFAULT_RANGE);
}

/** The range that an address holds; the default when it holds none or a wrong one. */
export function fromParams(params: URLSearchParams, usual = DEFAULT_RANGE): Range {
  const from = Date.parse(params.get('from') ?? '');
  const to = Date.parse(params.get('to') ?? '');
  if (from < to) return { kind: 'between', from, to };
  return { kind: 'last', ms: parseSpan(params.get('range') ?? usual) ?? parseSpan(usual) ?? 15 * MINUTE };
}

/** The parameters that say a range in an address; null removes one. */
export function toParams(range: Range, usual = DEFAULT_RANGE): Record<string, string | null> {
  if (range.kind === 'between') {
    return { range: null, from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString(), zoom: null };
  }
  const text = spanText(range.ms);
  return { range: text === usual ? null : text, from: null, to: null, zoom: null };
}

/** The zoom of an address: two times in milliseconds. */
export function zoomFromParams(params: URLSearchParams): { from: number; to: number } | null {
  const match = /^(\d{10,15})-(\d{10,15})$/.exec(params.get('zoom') ?? '');
  const [from, to] = [Number(match?.[1]), Number(match?.[2])];
  return from < to ? { from, to } : null;
}
