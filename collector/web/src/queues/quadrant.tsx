// The quadrant of the overview about queues: what waits, and how the work on it goes.

import type { Celery, Rabbit } from '../api/queues';
import type { OutsideAnswer } from '../api/outside';
import { lastHour } from '../cache/charts';
import { LazyChart } from '../chart/lazy';
import { num, pct, short } from '../i18n/format';
import { t } from '../i18n/index';
import type { Answer } from '../live/answer';
import { href } from '../state/route';
import { OutsideCard } from '../outside/card';
import type { Connect } from '../outside/notes';
import { useQueueHistory, useWaiting } from './charts';
import { count, failingState, seconds, waitingOf, waitingState } from './figures';
import { isConfigured, useQueues, WAITING_MANY, type CeleryShot, type Queues, type RabbitShot } from './source';
import { Icon } from '../ui/icon';

function Waiting({ tasks, broker }: { tasks: CeleryShot | null; broker: RabbitShot | null }) {
  const m = t.value;
  const waiting = waitingOf(tasks, broker);
  const state = waitingState(waiting);
  return (
    <div class="queuetop">
      <div>
        <span class="sub">{m.queueWaiting}</span>
        <div class={`stat-v ${state}`}>{count(waiting)}</div>
      </div>
      {waiting !== null && state !== '' && (
        <span class={`badge ${state}`}>
          <Icon name={state} size={12} />
          {m.queueAbove(num(state === 'crit' ? WAITING_MANY : WAITING_MANY / 2))}
        </span>
      )}
    </div>
  );
}

function Chart({ all, isCelery }: { all: Queues; isCelery: boolean }) {
  const history = useQueueHistory(all, isCelery, lastHour);
  const waiting = useWaiting(history, isCelery, 'q-queue-waiting', 104);
  return <LazyChart {...waiting} failure={history.failure} onRetry={history.retry} isBare class="nolegend" />;
}

function CeleryFacts({ of }: { of: CeleryShot }) {
  const m = t.value;
  const isShort = of.workers_online !== null && of.workers_total !== null && of.workers_online < of.workers_total;
  return (
    <dl class="kv">
      <div>
        <dt>{m.queueProcessed}</dt>
        <dd>{count(of.processed_1h)}</dd>
      </div>
      <div>
        <dt>{m.queueFailed}</dt>
        <dd class={failingState(of.failure_ratio)}>
          {count(of.failed_1h)}
          {of.failure_ratio !== null && <span class="faint">({pct(of.failure_ratio)})</span>}
        </dd>
      </div>
      <div>
        <dt>{m.queueMean}</dt>
        <dd>{seconds(of.mean_s)}</dd>
      </div>
      <div>
        <dt>{m.queueWorkers}</dt>
        <dd class={of.workers_online === 0 ? 'crit' : isShort ? 'warn' : ''}>
          {count(of.workers_online)} <span class="faint">/ {count(of.workers_total)}</span>
        </dd>
      </div>
    </dl>
  );
}

function RabbitFacts({ of }: { of: RabbitShot }) {
  const m = t.value;
  const totals = of.totals;
  const rate = (value: number | null | undefined) => (value == null ? m.none : `${short(value)}/s`);
  return (
    <dl class="kv">
      <div>
        <dt>{m.queueUnacked}</dt>
        <dd>{count(totals?.unacked)}</dd>
      </div>
      <div>
        <dt>{m.queueIn}</dt>
        <dd>{rate(totals?.publish_rate)}</dd>
      </div>
      <div>
        <dt>{m.queueOut}</dt>
        <dd>{rate(totals?.ack_rate)}</dd>
      </div>
      <div>
        <dt>{m.queueConsumers}</dt>
        <dd>{count(totals?.consumers)}</dd>
      </div>
    </dl>
  );
}

export function queuesConnect(kind: 'celery' | 'rabbitmq'): Connect {
  return { kind, title: kind === 'celery' ? 'Celery' : 'RabbitMQ', text: t.value.emptyQueues, icon: 'layers' };
}

/** Celery's figures where it is connected, else RabbitMQ's, else how to connect them. */
export function QueuesQuadrant() {
  const m = t.value;
  const all = useQueues(null, null);
  const { celery, rabbit, tasks, broker } = all;
  // While Celery has not said anything yet, RabbitMQ may speak.
  const isCelery = !isConfigured(rabbit) || isConfigured(celery);
  const answer = (isCelery ? celery : rabbit) as Answer<OutsideAnswer<Celery | Rabbit>>;
  return (
    <OutsideCard
      id="q-queues"
      title={m.queueCard}
      connect={queuesConnect('rabbitmq')}
      answer={answer}
      height={320}
      foot={() => <a href={href('/queues')}>{m.queueOpen}</a>}
    >
      {() => (
        <>
          <Waiting tasks={tasks} broker={broker} />
          <Chart all={all} isCelery={isCelery} />
          {isCelery ? tasks && <CeleryFacts of={tasks} /> : broker && <RabbitFacts of={broker} />}
        </>
      )}
    </OutsideCard>
  );
}
