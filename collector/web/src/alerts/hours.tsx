// Days of the week with a time from and to: of a weekly silence, and of a channel's quiet hours.

import { lang } from '../i18n/index';
import { a } from './words';

/** 2026-03-02 is a Monday. */
const MONDAY = Date.UTC(2026, 2, 2);
const DAY_MS = 86_400_000;

/** Short names of the days, Monday first. */
export function dayNames(): string[] {
  const format = new Intl.DateTimeFormat(lang.value, { weekday: 'short', timeZone: 'UTC' });
  return Array.from({ length: 7 }, (_, day) => format.format(MONDAY + day * DAY_MS).replace('.', ''));
}

interface Props {
  id: string;
  /** 1 (Monday) to 7. */
  days: readonly number[];
  start: string;
  end: string;
  isLocked?: boolean;
  onChange: (some: { days?: number[]; start?: string; end?: string }) => void;
}

export function WeekFields({ id, days, start, end, isLocked = false, onChange }: Props) {
  const m = a.value;
  const toggle = (day: number) =>
    onChange({ days: days.includes(day) ? days.filter((one) => one !== day) : [...days, day] });
  const time = (key: 'start' | 'end', label: string, value: string) => (
    <div class="field">
      <label for={`${id}-${key}`}>{label}</label>
      <span class="in">
        <input
          id={`${id}-${key}`}
          type="time"
          value={value}
          disabled={isLocked}
          onInput={(event) => onChange({ [key]: event.currentTarget.value })}
        />
      </span>
    </div>
  );
  return (
    <>
      <span class="chips" role="group" aria-label={m.days}>
        {dayNames().map((name, i) => (
          <button
            key={name}
            type="button"
            class="chip"
            disabled={isLocked}
            aria-pressed={days.includes(i + 1)}
            onClick={() => toggle(i + 1)}
          >
            {name}
          </button>
        ))}
      </span>
      <div class="f2">
        {time('start', m.fromTime, start)}
        {time('end', m.toTime, end)}
      </div>
    </>
  );
}
