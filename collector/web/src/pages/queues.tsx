// Queues: what waits, who works on it, what fails; from Celery, from RabbitMQ, or from both.

import { useMemo } from 'preact/hooks';

import { useBands } from '../alerts/bands';
import type { Celery, Rabbit } from '../api/queues';
import { configured, type OutsideAnswer } from '../api/outside';
import { points } from '../chart/pick';
import { DataChart } from '../chart/chart';
import { age, num } from '../i18n/format';
import { t } from '../i18n/index';
import { useSettled, type Answer } from '../live/answer';
import { now } from '../live/feed';
import { OutsideCard } from '../outside/card';
import { FirstRun, NotConnected, OutsideBadge } from '../outside/notes';
import { InstancePicker } from '../outside/picker';
import { useQueueHistory, useSpeed, useWaiting } from '../queues/charts';
import { QueueFigures } from '../queues/figures';
import { QueueTable } from '../queues/list';
import { QueueNotes } from '../queues/notes';
import { queuesConnect } from '../queues/quadrant';
import { isConfigured, mergeQueues, useQueues, type Queues } from '../queues/source';
import { Failures, Nodes, Tasks, Workers } from '../queues/tables';
import { Shell } from '../shell/shell';
import { param } from '../state/route';
import { shown } from '../state/scope';
import { Skeleton } from '../ui/parts';

/** Nothing is connected: how either is. */
function NoQueues({
  celery,
  rabbit,
}: {
  celery: Answer<OutsideAnswer<Celery>>;
  rabbit: Answer<OutsideAnswer<Rabbit>>;
}) {
  return (
    <FirstRun>
      {celery.data?.configured === false && <NotConnected connect={queuesConnect('celery')} lines={celery.data} />}
      {rabbit.data?.configured === false && <NotConnected connect={queuesConnect('rabbitmq')} lines={rabbit.data} />}
    </FirstRun>
  );
}

function Charts({ all }: { all: Queues }) {
  const isCelery = isConfigured(all.celery);
  const history = useQueueHistory(all, isCelery, shown.value);
  const waiting = useWaiting(history, isCelery, 'queue-waiting');
  const speed = useSpeed(history, isCelery);
  const bands = useBands((isCelery ? all.celeryId : all.rabbitId) ?? null);
  const more = { failure: history.failure, onRetry: history.retry, bands };
  const { data } = history;
  const line = useMemo(() => (data ? points(data, { metric: 'celery.queued' }) : []), [data]);
  return (
    <>
      <Figures all={all} line={line} />
      <div class="g12">
        <DataChart {...waiting} {...more} class="c6" />
        <DataChart {...speed} {...more} class="c6" />
      </div>
    </>
  );
}

function Figures({ all, line }: { all: Queues; line: ReturnType<typeof points> }) {
  const m = t.value;
  const { tasks, broker } = all;
  return (
    <section class="card figures" aria-labelledby="figures">
      <header>
        <h2 id="figures">{m.keyFigures}</h2>
      </header>
      <div class="b flush">
        {tasks === null && broker === null ? (
          <Skeleton height={96} />
        ) : (
          <QueueFigures tasks={tasks} broker={broker} history={line} />
        )}
      </div>
    </section>
  );
}

function QueueCard({ all }: { all: Queues }) {
  const m = t.value;
  const { tasks, broker } = all;
  const rows = useMemo(() => mergeQueues(broker, tasks), [broker, tasks]);
  const newest = Math.max(broker?.as_of ?? 0, tasks?.as_of ?? 0);
  const product = [broker ? `RabbitMQ ${broker.version ?? ''}`.trim() : '', tasks ? 'Celery' : '']
    .filter(Boolean)
    .join(' + ');
  return (
    <section class="card c7" aria-labelledby="queues">
      <header>
        <h2 id="queues">{m.queues}</h2>
        <span class="src">{`${product} · ${m.ago(age(Math.max(0, now.value - newest)))}`}</span>
        <span class="end">
          {broker?.is_cut === true && broker.total_count !== null && (
            <span class="src">{m.queueCount(num(rows.length), num(broker.total_count))}</span>
          )}
          {broker && <OutsideBadge status={broker.status} isStale={broker.stale} />}
        </span>
      </header>
      <div class="b flush">
        <QueueTable rows={rows} />
      </div>
    </section>
  );
}

function CeleryCards({ answer }: { answer: Answer<OutsideAnswer<Celery>> }) {
  const m = t.value;
  return (
    <>
      <OutsideCard
        id="tasks"
        title={m.queueTasks}
        connect={queuesConnect('celery')}
        source={() => m.queueLastHour}
        isQuiet
        isFlush
        answer={answer}
        height={180}
      >
        {(found) => <Tasks rows={found.tasks ?? []} />}
      </OutsideCard>
      <OutsideCard
        id="failures"
        connect={queuesConnect('celery')}
        isQuiet
        title={m.queueLastFailures}
        isFlush
        answer={answer}
        height={140}
      >
        {(found) => <Failures rows={found.failures ?? []} />}
      </OutsideCard>
    </>
  );
}

function Body() {
  const m = t.value;
  const all = useQueues(param('celery'), param('rabbitmq'));
  const { celery, rabbit, tasks, broker } = all;
  if (!useSettled([celery, rabbit])) return <Skeleton height={480} />;
  if (celery.data?.configured === false && rabbit.data?.configured === false) {
    return <NoQueues celery={celery} rabbit={rabbit} />;
  }
  const hasChoice = [celery, rabbit].some(({ data }) => (configured<object>(data)?.instances.length ?? 0) > 1);
  const hasCelery = celery.data?.configured !== false;
  const nodes = broker?.nodes ?? [];
  const either: Answer<OutsideAnswer<object>> = isConfigured(rabbit) ? rabbit : celery;
  return (
    <>
      {hasChoice && (
        <div class="row wrap tools">
          <InstancePicker source={celery.data} name="celery" label="Celery" />
          <InstancePicker source={rabbit.data} name="rabbitmq" label="RabbitMQ" />
        </div>
      )}
      <QueueNotes tasks={tasks} broker={broker} />
      <Charts all={all} />
      <div class="g12">
        {tasks !== null || broker !== null ? (
          <QueueCard all={all} />
        ) : (
          <OutsideCard
            id="queues"
            connect={queuesConnect('rabbitmq')}
            title={m.queues}
            class="c7"
            answer={either}
            height={180}
          >
            {() => null}
          </OutsideCard>
        )}
        <OutsideCard
          id="workers"
          connect={queuesConnect('celery')}
          isQuiet
          title={m.queueWorkers}
          source={(found) => ['Celery', found.broker ?? ''].filter(Boolean).join(' · ')}
          class="c5"
          isFlush
          answer={celery}
          height={180}
        >
          {(found) => <Workers rows={found.workers ?? []} />}
        </OutsideCard>
      </div>
      {hasCelery && <CeleryCards answer={celery} />}
      {nodes.length > 0 && (
        <section class="card" aria-labelledby="rabbit-nodes">
          <header>
            <h2 id="rabbit-nodes">{m.queueNodes}</h2>
          </header>
          <div class="b flush">
            <Nodes rows={nodes} />
          </div>
        </section>
      )}
    </>
  );
}

export function QueuesPage() {
  return (
    <Shell title={t.value.queues} ranges="any">
      <Body key={`${param('celery') ?? ''} ${param('rabbitmq') ?? ''}`} />
    </Shell>
  );
}
