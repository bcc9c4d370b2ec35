// The picker of time ranges: presets, free text, a calendar, and exact times.

import { useEffect, useRef, useState } from 'preact/hooks';

import { monthYear, rangeSpan, weekdays, zone } from '../i18n/format';
import { lang, t } from '../i18n/index';
import * as clock from '../live/clock';
import { path, range, setParams } from '../state/route';
import { POINTS } from '../chart/view';
import {
  between,
  defaultRange,
  parseRange,
  parseSpan,
  PRESETS,
  spanText,
  stepFor,
  toParams,
  type Range,
} from '../time/range';
import { Icon } from '../ui/icon';

interface Props {
  isLiveOnly: boolean;
  onClose: () => void;
}

export function RangePicker({ isLiveOnly, onClose }: Props) {
  const m = t.value;
  const root = useRef<HTMLDivElement>(null);
  const choose = (next: Range) => {
    setParams(toParams(next, defaultRange(path.peek())));
    onClose();
  };
  useEffect(() => {
    const before = document.activeElement;
    const outside = (event: PointerEvent) => {
      const target = event.target as Node;
      if (root.current && !root.current.parentElement?.contains(target)) onClose();
    };
    addEventListener('pointerdown', outside);
    return () => {
      removeEventListener('pointerdown', outside);
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const current = range.value;
  return (
    <div
      ref={root}
      class={`pop tr ${isLiveOnly ? 'narrow' : ''}`}
      role="dialog"
      aria-label={m.range}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        onClose();
      }}
    >
      <div class="trl">
        {PRESETS.map((key) => {
          const ms = parseSpan(key) ?? 0;
          const isOn = current.kind === 'last' && current.ms === ms;
          return (
            <button
              key={key}
              class={`pi ${isOn ? 'on' : ''}`}
              aria-pressed={isOn}
              onClick={() => choose({ kind: 'last', ms })}
            >
              <span class="grow">{m.rangeLast(rangeSpan(key))}</span>
              <span class="faint tn">{rangeSpan(spanText(stepFor(ms, POINTS, 1_000)))}</span>
              <kbd>{key}</kbd>
            </button>
          );
        })}
      </div>
      <div class="trr">
        <TypedRange isLiveOnly={isLiveOnly} choose={choose} />
        {!isLiveOnly && <Calendar choose={choose} />}
        {!isLiveOnly && <ExactRange choose={choose} />}
        <p class="sub">{m.rangeZone(zone())}</p>
      </div>
    </div>
  );
}

function TypedRange({ isLiveOnly, choose }: { isLiveOnly: boolean; choose: (range: Range) => void }) {
  const m = t.value;
  const [text, setText] = useState('');
  const [isBad, setBad] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  return (
    <form
      class="field"
      onSubmit={(event) => {
        event.preventDefault();
        const parsed = parseRange(text, clock.now(), lang.peek());
        if (parsed && (!isLiveOnly || parsed.kind === 'last')) choose(parsed);
        else setBad(true);
      }}
    >
      <label for="range-text">{m.rangeType}</label>
      <span class={`in ${isBad ? 'bad' : ''}`}>
        <Icon name="clock" size={14} />
        <input
          id="range-text"
          ref={input}
          class="mono"
          autocomplete="off"
          value={text}
          aria-invalid={isBad}
          aria-describedby="range-hint"
          onInput={(event) => {
            setText(event.currentTarget.value);
            setBad(false);
          }}
        />
      </span>
      <span class={`hint ${isBad ? 'crit' : ''}`} id="range-hint" role={isBad ? 'alert' : undefined}>
        {isBad ? m.rangeBad : isLiveOnly ? '45m · 2h · 3d' : m.rangeHint}
      </span>
    </form>
  );
}

function Calendar({ choose }: { choose: (range: Range) => void }) {
  const m = t.value;
  const today = new Date(clock.now());
  const [month, setMonth] = useState(() => new Date(today.getFullYear(), today.getMonth(), 1));
  const days = new Date(month.getFullYear(), month.getMonth() + 1, 0).getDate();
  const shift = (by: number) => setMonth(new Date(month.getFullYear(), month.getMonth() + by, 1));
  const pick = (day: number) => {
    const start = new Date(month.getFullYear(), month.getMonth(), day);
    const end = new Date(month.getFullYear(), month.getMonth(), day + 1);
    const chosen = between(start.getTime(), end.getTime(), clock.now());
    if (chosen) choose(chosen);
  };
  const isToday = (day: number) =>
    new Date(month.getFullYear(), month.getMonth(), day).toDateString() === today.toDateString();
  const isFuture = (day: number) => new Date(month.getFullYear(), month.getMonth(), day) > today;
  return (
    <div class="calendar">
      <div class="row">
        <b class="grow">{monthYear(month.getTime())}</b>
        <button class="btn-icon" aria-label={m.previousMonth} onClick={() => shift(-1)}>
          <Icon name="chevl" size={14} />
        </button>
        <button class="btn-icon" aria-label={m.nextMonth} onClick={() => shift(1)}>
          <Icon name="chevr" size={14} />
        </button>
      </div>
      <div class="cal tn">
        {weekdays().map((day, i) => (
          <span class="faint" key={`w${i}`} aria-hidden="true">
            {day}
          </span>
        ))}
        {Array.from({ length: month.getDay() }, (_, i) => (
          <span key={`e${i}`} />
        ))}
        {Array.from({ length: days }, (_, i) => i + 1).map((day) => (
          <button key={day} class={isToday(day) ? 'td' : ''} disabled={isFuture(day)} onClick={() => pick(day)}>
            {day}
          </button>
        ))}
      </div>
    </div>
  );
}

/** A moment as `datetime-local` writes it, in the user's zone. */
function local(ms: number): string {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function ExactRange({ choose }: { choose: (range: Range) => void }) {
  const m = t.value;
  const end = clock.now();
  const current = range.value;
  const [from, setFrom] = useState(local(current.kind === 'between' ? current.from : end - current.ms));
  const [to, setTo] = useState(local(current.kind === 'between' ? current.to : end));
  const chosen = between(Date.parse(from), Date.parse(to), clock.now());
  return (
    <form
      class="exact"
      onSubmit={(event) => {
        event.preventDefault();
        if (chosen) choose(chosen);
      }}
    >
      <label class="field">
        <span class="lbl">{m.rangeFrom}</span>
        <span class="in">
          <input type="datetime-local" value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
        </span>
      </label>
      <label class="field">
        <span class="lbl">{m.rangeTo}</span>
        <span class="in">
          <input type="datetime-local" value={to} onInput={(event) => setTo(event.currentTarget.value)} />
        </span>
      </label>
      <button class="btn" disabled={!chosen}>
        {m.rangeApply}
      </button>
    </form>
  );
}
