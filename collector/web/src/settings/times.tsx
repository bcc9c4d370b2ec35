// Times and badges as the tables of the settings show them.

import { dayMonth, span, stamp } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { now } from '../live/feed';
import { Icon, type IconName } from '../ui/icon';
import { s } from './words';

/** Day, month and year, the hour and the zone: what the short forms stand for. */
function full(ms: number): string {
  return new Date(ms).toLocaleString(lang.value, { dateStyle: 'full', timeStyle: 'long' });
}

/** Younger than this is now: sessions and tokens are noted by the minute. */
const NOW_MS = 60_000;

/** "4 min ago"; the whole time in the title. */
export function Ago({ ms }: { ms: number | null }) {
  if (ms === null) return <span class="faint">{s.value.never}</span>;
  const age = Math.max(0, now.value - ms);
  return (
    <time dateTime={new Date(ms).toISOString()} title={full(ms)}>
      {age < NOW_MS ? s.value.now : t.value.ago(span(age))}
    </time>
  );
}

/** Day and month. */
export function Day({ ms }: { ms: number }) {
  return (
    <time dateTime={new Date(ms).toISOString()} title={full(ms)}>
      {dayMonth(ms)}
    </time>
  );
}

/** Day and time with seconds. */
export function Stamp({ ms }: { ms: number }) {
  return (
    <time dateTime={new Date(ms).toISOString()} title={full(ms)}>
      {stamp(ms)}
    </time>
  );
}

/** So long before its end a token asks to be renewed. */
const SOON_MS = 7 * 86_400_000;

/** When something ends: plain while far away, then a warning. */
export function Ends({ ms, isWarned = false }: { ms: number | null; isWarned?: boolean }) {
  const m = s.value;
  if (ms === null) return <span class="faint">{m.never}</span>;
  const left = ms - now.value;
  if (left <= 0) return <Mark look="crit" icon="crit" word={m.tokenExpired} title={full(ms)} />;
  const text = m.sessionInTime(span(left));
  if (isWarned && left < SOON_MS) return <Mark look="warn" icon="warn" word={text} title={full(ms)} />;
  return (
    <time dateTime={new Date(ms).toISOString()} title={full(ms)}>
      {text}
    </time>
  );
}

interface MarkProps {
  look: 'ok' | 'warn' | 'crit' | 'unk';
  icon: IconName;
  word: string;
  title?: string;
}

export function Mark({ look, icon, word, title }: MarkProps) {
  return (
    <span class={`badge ${look}`} title={title}>
      <Icon name={icon} size={12} />
      {word}
    </span>
  );
}
