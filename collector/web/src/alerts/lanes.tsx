// When each rule fired, one lane a rule: what came together stands one below the other.

import type { Alert } from '../api/alerts';
import { dayMonth, hhmm, num } from '../i18n/format';
import { now } from '../live/feed';
import { ruleName } from './names';
import { lasted, levelWord, place } from './text';
import { a } from './words';

/** More lanes than this are no picture; the table below has all. */
const LANES_MAX = 15;
const TICKS = 6;
const DAY_MS = 86_400_000;

interface Lane {
  rule: string;
  name: string;
  rows: Alert[];
}

/** One a rule: those with critical alerts first, then those that fired most. */
export function lanesOf(rows: readonly Alert[]): Lane[] {
  const found = new Map<string, Lane>();
  for (const alert of rows) {
    const lane = found.get(alert.rule);
    if (lane) lane.rows.push(alert);
    else found.set(alert.rule, { rule: alert.rule, name: alert.name, rows: [alert] });
  }
  const grave = (lane: Lane) => Number(lane.rows.some(({ level }) => level === 'critical'));
  return [...found.values()].sort((x, z) => grave(z) - grave(x) || z.rows.length - x.rows.length);
}

/** Where an alert stands in a stretch, in percent from its left. */
export function placed(alert: Alert, from: number, to: number, now: number): { left: number; width: number } {
  const share = (time: number) => (Math.min(to, Math.max(from, time)) - from) / Math.max(1, to - from);
  const left = share(alert.fired) * 100;
  return { left, width: share(alert.resolved ?? now) * 100 - left };
}

interface Props {
  rows: readonly Alert[];
  span: { from: number; to: number };
  sub: string;
}

export function Lanes({ rows, span: { from, to }, sub }: Props) {
  const m = a.value;
  const lanes = lanesOf(rows);
  const ticks = Array.from({ length: TICKS + 1 }, (_, i) => from + ((to - from) * i) / TICKS);
  const isLong = to - from > DAY_MS;
  return (
    <section class="card" aria-labelledby="al-lanes">
      <header>
        <h2 id="al-lanes">{m.timeline}</h2>
        <span class="src">{sub}</span>
        <span class="end legend">
          <span>
            <i class="sw sq crit" />
            {m.critical}
          </span>
          <span>
            <i class="sw sq warn" />
            {m.warning}
          </span>
        </span>
      </header>
      <div class="b">
        <ul class="lanes">
          {lanes.slice(0, LANES_MAX).map((lane) => (
            <li key={lane.rule} data-lane={lane.rule}>
              <span class="ell" title={ruleName(lane.name)}>
                {ruleName(lane.name)}
              </span>
              <span
                class="lane"
                role="img"
                aria-label={m.laneText(ruleName(lane.name), num(lane.rows.length), lane.rows.length)}
              >
                {lane.rows.map((alert) => {
                  const { left, width } = placed(alert, from, to, now.value);
                  const tip = `${levelWord(alert.level)}: ${place(alert)}, ${hhmm(alert.fired)}, ${lasted(alert)}`;
                  return (
                    <i
                      key={alert.id}
                      class={alert.level === 'critical' ? 'c' : 'w'}
                      title={tip}
                      style={{ left: `min(${left.toFixed(2)}%, 100% - 4px)`, width: `${width.toFixed(2)}%` }}
                    />
                  );
                })}
              </span>
            </li>
          ))}
          <li class="lane-ticks faint tn" aria-hidden="true">
            <span />
            <span class="row">
              {ticks.map((time, i) => (
                <span key={i} class={i % 2 === 1 ? 'm-hide' : ''}>
                  {isLong ? dayMonth(time) : hhmm(time)}
                </span>
              ))}
            </span>
          </li>
        </ul>
        {lanes.length > LANES_MAX && <p class="hint">{m.more(num(lanes.length - LANES_MAX))}</p>}
      </div>
    </section>
  );
}
