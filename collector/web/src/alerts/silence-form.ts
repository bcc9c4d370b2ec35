// What stands in the form of a new silence, and the order that comes of it.

import type { SilenceOrder, Weekly } from '../api/alerts';
import { a } from './words';

export type Length = '30m' | '1h' | '4h' | '1d' | 'until' | 'weekly';

const MINUTE = 60_000;
const DAY = 86_400_000;

export const LENGTHS: readonly Length[] = ['30m', '1h', '4h', '1d', 'until', 'weekly'];

const SPANS: Partial<Record<Length, number>> = { '30m': 30 * MINUTE, '1h': 60 * MINUTE, '4h': 240 * MINUTE, '1d': DAY };

/** So long a weekly window lasts unless somebody says otherwise: every silence has an end. */
const WEEKLY_DAYS = 90;
export const REASON_MAX = 300;

export interface SilenceForm {
  matchers: string[];
  length: Length;
  /** Of "until": as the browser's own field writes it, in local time. */
  until: string;
  days: number[];
  start: string;
  end: string;
  /** The last day of a weekly window. */
  last: string;
  reason: string;
}

/** Local date and time as the browser's own fields write it. */
export function localTime(ms: number): string {
  const date = new Date(ms - new Date(ms).getTimezoneOffset() * MINUTE);
  return date.toISOString().slice(0, 16);
}

export function emptySilence(now: number, matchers: string[] = []): SilenceForm {
  return {
    matchers,
    length: '1h',
    until: localTime(now + DAY),
    days: [6],
    start: '02:00',
    end: '03:30',
    last: localTime(now + WEEKLY_DAYS * DAY).slice(0, 10),
    reason: '',
  };
}

/** When it ends; null while that is not known. */
export function untilOf(form: SilenceForm, now: number): number | null {
  const span = SPANS[form.length];
  if (span !== undefined) return now + span;
  const text = form.length === 'until' ? form.until : `${form.last}T23:59:59`;
  const time = new Date(text).getTime();
  return Number.isNaN(time) ? null : time;
}

export function weeklyOf(form: SilenceForm): Weekly | undefined {
  if (form.length !== 'weekly') return undefined;
  const offset = -new Date().getTimezoneOffset();
  return { days: [...form.days].sort((x, z) => x - z), start: form.start, end: form.end, offset_min: offset };
}

/** What is wrong with it; null when nothing is. */
export function silenceFault(form: SilenceForm, now: number): string | null {
  const m = a.peek();
  if (form.matchers.length === 0) return m.needsMatcher;
  if (form.reason.trim() === '') return m.needsReason;
  const until = untilOf(form, now);
  if (until === null || until <= now) return m.needsEnd;
  if (form.length !== 'weekly') return null;
  if (form.days.length === 0) return m.needsDay;
  return form.start === '' || form.end === '' || form.start === form.end ? m.needsTimes : null;
}

export function silenceOf(form: SilenceForm, now: number): SilenceOrder {
  const weekly = weeklyOf(form);
  return {
    matchers: form.matchers,
    reason: form.reason.trim(),
    until: untilOf(form, now) ?? now,
    ...(weekly === undefined ? {} : { weekly }),
  };
}
