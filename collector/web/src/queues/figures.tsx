// The key figures about queues: what waits and runs, what was done and failed in an hour, how long it takes.

import type { Point } from '../api/types';
import { num, pct, short, span } from '../i18n/format';
import { t } from '../i18n/index';
import { Kpi } from '../ui/kpi';
import { drainS, WAITING_MANY, type CeleryShot, type RabbitShot } from './source';

/** Above this share of failed tasks, as for requests. */
const FAILING = [0.05, 0.1] as const;

export type State = '' | 'warn' | 'crit';

export const count = (value: number | null | undefined) => (value == null ? t.value.none : num(value));

/** A duration in seconds as number and unit. */
export function secondsParts(seconds: number | null): { value: string; unit?: string } {
  if (seconds === null) return { value: t.value.none };
  if (seconds < 1) return { value: num(seconds * 1000, seconds < 0.01 ? 1 : 0), unit: 'ms' };
  return { value: short(seconds), unit: 's' };
}

export function seconds(value: number | null): string {
  const { value: text, unit } = secondsParts(value);
  return unit === undefined ? text : `${text}\u202f${unit}`;
}

export function waitingState(waiting: number | null): State {
  if (waiting === null || waiting <= WAITING_MANY / 2) return '';
  return waiting > WAITING_MANY ? 'crit' : 'warn';
}

export function failingState(ratio: number | null): State {
  if (ratio === null || ratio <= FAILING[0]) return '';
  return ratio > FAILING[1] ? 'crit' : 'warn';
}

/** What waits: tasks as Celery counts them, else messages that are ready. */
export function waitingOf(tasks: CeleryShot | null, broker: RabbitShot | null): number | null {
  return tasks?.queued ?? broker?.totals?.ready ?? null;
}

function Drain({ of }: { of: number | 'growing' | null }) {
  const m = t.value;
  if (of === null) return <Kpi label={m.queueDrains} value={m.none} />;
  if (of === 'growing') return <Kpi label={m.queueDrains} value={m.none} note={m.queueGrowing} state="warn" />;
  if (of === 0) return <Kpi label={m.queueDrains} value={num(0)} unit="s" note={m.queueEmpty} />;
  return <Kpi label={m.queueDrains} value={m.queueAbout(span(of * 1000))} note={m.queueAtThisRate} />;
}

interface Props {
  tasks: CeleryShot | null;
  broker: RabbitShot | null;
  history: readonly Point[];
}

export function QueueFigures({ tasks, broker, history }: Props) {
  const m = t.value;
  const waiting = waitingOf(tasks, broker);
  const totals = broker?.totals ?? null;
  const workers = tasks?.workers_online ?? null;
  // Where Celery counts what waits, its broker may be another: the rates of this one say nothing of it.
  const rates = tasks?.queued == null ? broker : null;
  return (
    <div class="kpis flat">
      <Kpi
        label={m.queueWaiting}
        value={count(waiting)}
        state={waitingState(waiting)}
        note={waiting !== null && waiting > WAITING_MANY ? m.queueAbove(num(WAITING_MANY)) : ''}
      />
      {tasks === null ? (
        <Kpi label={m.queueUnacked} value={count(totals?.unacked)} />
      ) : (
        <Kpi
          label={m.queueRunning}
          value={count(tasks.active)}
          state={workers === 0 ? 'crit' : ''}
          note={workers === null ? '' : m.queueOnline(num(workers), count(tasks.workers_total))}
        />
      )}
      {tasks === null ? (
        <>
          <Kpi label={m.queueIn} value={totals?.publish_rate == null ? m.none : short(totals.publish_rate)} unit="/s" />
          <Kpi label={m.queueOut} value={totals?.ack_rate == null ? m.none : short(totals.ack_rate)} unit="/s" />
          <Kpi label={m.queueConsumers} value={count(totals?.consumers)} />
        </>
      ) : (
        <>
          <Kpi label={m.queueProcessed} value={count(tasks.processed_1h)} />
          <Kpi
            label={m.queueFailed}
            value={count(tasks.failed_1h)}
            state={failingState(tasks.failure_ratio)}
            note={tasks.failure_ratio === null ? '' : pct(tasks.failure_ratio)}
          />
          <Kpi
            label={m.queueMean}
            {...secondsParts(tasks.mean_s)}
            note={tasks.p95_s === null ? '' : `p95 ${seconds(tasks.p95_s)}`}
          />
        </>
      )}
      <Drain of={drainS(waiting, rates, history)} />
    </div>
  );
}
