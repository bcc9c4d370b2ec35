// Celery and RabbitMQ as the page has them: either may be missing, and what both know of a queue is one row.

import { configured, snapshot, type OutsideAnswer, type Shot } from '../api/outside';
import { outside } from '../api/outside-client';
import type { Celery, Rabbit } from '../api/queues';
import { useAnswer, type Answer } from '../live/answer';
import { useResource } from '../outside/source';

const ASK_MS = 5_000;
/** More than this waiting is critical, more than half of it a warning. */
export const WAITING_MANY = 1_000;

export type CeleryShot = Shot<Celery>;
export type RabbitShot = Shot<Rabbit>;

export interface Queues {
  celery: Answer<OutsideAnswer<Celery>>;
  rabbit: Answer<OutsideAnswer<Rabbit>>;
  tasks: CeleryShot | null;
  broker: RabbitShot | null;
  /** Resources of the history: null when there is none, undefined until that is known. */
  celeryId: number | null | undefined;
  rabbitId: number | null | undefined;
}

function nameOf(answer: Answer<OutsideAnswer<object>>): string | null {
  return configured(answer.data)?.instance ?? null;
}

export function useQueues(celeryName: string | null, rabbitName: string | null): Queues {
  const celery = useAnswer(`celery ${celeryName ?? ''}`, ASK_MS, (signal) => outside.celery(celeryName, signal));
  const rabbit = useAnswer(`rabbit ${rabbitName ?? ''}`, ASK_MS, (signal) => outside.rabbit(rabbitName, signal));
  return {
    celery,
    rabbit,
    tasks: snapshot(celery.data),
    broker: snapshot(rabbit.data),
    celeryId: useResource('celery', nameOf(celery)),
    rabbitId: useResource('rabbitmq', nameOf(rabbit)),
  };
}

export function isConfigured(answer: Answer<OutsideAnswer<object>>): boolean {
  return answer.data?.configured === true;
}

export type Level = 'ok' | 'warn' | 'crit';

export interface QueueRow {
  key: string;
  name: string;
  vhost: string | null;
  waiting: number | null;
  unacked: number | null;
  inRate: number | null;
  outRate: number | null;
  consumers: number | null;
  drainS: number | null;
  priorities: readonly { priority: number; length: number }[];
  level: Level;
}

function levelOf(waiting: number | null, consumers: number | null): Level {
  if (waiting !== null && waiting > WAITING_MANY) return 'crit';
  // Somebody waits and nobody comes.
  if (consumers === 0 && (waiting ?? 0) > 0) return 'warn';
  return waiting !== null && waiting > WAITING_MANY / 2 ? 'warn' : 'ok';
}

/** One row a queue, longest first. What the broker counts goes before what the workers' client counts. */
export function mergeQueues(broker: Rabbit | null, tasks: Celery | null): QueueRow[] {
  const known = new Map((tasks?.queues ?? []).map((queue) => [queue.name, queue]));
  const rows: QueueRow[] = (broker?.queues ?? []).map((queue) => {
    const own = known.get(queue.name);
    known.delete(queue.name);
    return {
      key: `${queue.vhost} ${queue.name}`,
      name: queue.name,
      vhost: queue.vhost,
      waiting: queue.ready ?? own?.length ?? null,
      unacked: queue.unacked,
      inRate: queue.publish_rate,
      outRate: queue.ack_rate ?? queue.deliver_rate,
      consumers: queue.consumers,
      drainS: queue.drain_s,
      priorities: own?.by_priority ?? [],
      level: levelOf(queue.ready, queue.consumers),
    };
  });
  for (const queue of known.values()) {
    rows.push({
      key: ` ${queue.name}`,
      name: queue.name,
      vhost: null,
      waiting: queue.length,
      unacked: null,
      inRate: null,
      outRate: null,
      consumers: null,
      drainS: null,
      priorities: queue.by_priority ?? [],
      level: levelOf(queue.length, null),
    });
  }
  return rows.sort((a, b) => (b.waiting ?? -1) - (a.waiting ?? -1) || a.name.localeCompare(b.name));
}

/** How long until nothing waits: by the broker's rates where it has them, else by how the line fell lately. */
export function drainS(
  waiting: number | null,
  broker: Rabbit | null,
  history: readonly (readonly [time: number, value: number | null])[],
): number | 'growing' | null {
  if (waiting === null) return null;
  if (waiting === 0) return 0;
  const { publish_rate: into, ack_rate: out } = broker?.totals ?? { publish_rate: null, ack_rate: null };
  const net = into !== null && out !== null ? out - into : -(slope(history) ?? NaN);
  if (Number.isNaN(net)) return null;
  // Next to no movement says nothing about where it goes.
  if (Math.abs(net) * DRAIN_MAX_S < waiting) return null;
  return net < 0 ? 'growing' : waiting / net;
}

/** Nobody waits longer for a queue. */
const DRAIN_MAX_S = 172_800;

/** The last ten minutes say where it goes. */
const TREND_MS = 600_000;
const TREND_POINTS = 5;

/** Change a second of a line's end, by least squares; null where too little is known. */
export function slope(points: readonly (readonly [time: number, value: number | null])[]): number | null {
  const end = points.at(-1)?.[0] ?? 0;
  const found = points.filter(([time, value]) => value !== null && time >= end - TREND_MS);
  if (found.length < TREND_POINTS) return null;
  const meanX = found.reduce((sum, [time]) => sum + (time - end), 0) / found.length;
  const meanY = found.reduce((sum, [, value]) => sum + (value ?? 0), 0) / found.length;
  let [over, under] = [0, 0];
  for (const [time, value] of found) {
    over += (time - end - meanX) * ((value ?? 0) - meanY);
    under += (time - end - meanX) ** 2;
  }
  return under === 0 ? null : (over / under) * 1000;
}
