// The head of the uptime page: the LED in a word, and how much of the last day, week and month everything answered.

import type { Configured, Monitor, Uptime } from '../api/outside';
import { ago, millis, num } from '../i18n/format';
import { t } from '../i18n/index';
import { now } from '../live/feed';
import { answering, meanOf, uptimeWord, wordLook } from '../outside/monitors';
import { upText } from '../outside/strip';
import { Icon } from '../ui/icon';
import { Kpi } from '../ui/kpi';

/** Null counts as not known, and is left out. */
function Share({
  label,
  monitors,
  of,
}: {
  label: string;
  monitors: readonly Monitor[];
  of: (one: Monitor) => number | null;
}) {
  const known = monitors.filter((one) => of(one) !== null).length;
  return (
    <Kpi label={label} value={upText(meanOf(monitors, of))} note={known === 0 ? '' : t.value.meanOf(num(known))} />
  );
}

export function UptimeHead({ data }: { data: Configured & Partial<Uptime> }) {
  const m = t.value;
  const monitors = data.monitors ?? [];
  const word = data.stale ? 'UNKNOWN' : (data.word ?? 'UNKNOWN');
  const look = wordLook(word);
  const { online, all } = answering(monitors);
  const response = meanOf(monitors, (one) => one.response_ms);
  return (
    <div class="g12">
      <section class="card c4" aria-label={m.verdict}>
        <div class="b row hero-led health-led">
          <span class={`bigled ${look.class}`}>
            <Icon name={look.icon} size={26} />
          </span>
          <div>
            <div class={`hero-t ${look.class}`} data-uptime={word}>
              {uptimeWord(word)}
            </div>
            <div class="sub tn">{m.monitorsAnswer(num(online), num(all))}</div>
            <div class="sub tn">
              {data.as_of === null ? m.noAnswerYet : m.lastCheck(ago(Math.max(0, now.value - data.as_of)))}
            </div>
          </div>
        </div>
      </section>
      <section class="card c8" aria-label={m.keyFigures}>
        <div class={`kpis flat ${data.stale ? 'dimv' : ''}`}>
          <Share label={m.last24} monitors={monitors} of={(one) => one.uptime_1d} />
          <Share label={m.days7} monitors={monitors} of={(one) => one.uptime_7d} />
          <Share label={m.days30} monitors={monitors} of={(one) => one.uptime_30d} />
          <Kpi label={m.meanLatency} value={response === null ? m.none : millis(response)} note="" />
        </div>
      </section>
    </div>
  );
}
