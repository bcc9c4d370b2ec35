// The charts about queues: what waits, and how long tasks run or how fast messages go.

import { useMemo } from 'preact/hooks';

import type { QueryAnswer } from '../api/types';
import { useHistory } from '../cache/charts';
import { pickData, pickLine, type Pick } from '../chart/pick';
import type { ChartSpec } from '../chart/spec';
import { axisMillis, axisNumber, millis, num, short } from '../i18n/format';
import { lang, t } from '../i18n/index';
import type { Answer } from '../live/answer';
import type { Shown } from '../state/scope';
import { WAITING_MANY } from './source';

const POINTS = 480;

const CELERY = ['celery.queued', 'celery.task.duration'] as const;
const RABBIT = ['rabbitmq.messages', 'rabbitmq.message.publish_rate', 'rabbitmq.message.ack_rate'] as const;

const STATE = 'rabbitmq.message.state';
const STATISTIC = 'farol.statistic';

const QUEUED: Pick = { metric: 'celery.queued' };
const READY: Pick = { metric: 'rabbitmq.messages', attributes: { [STATE]: 'ready' } };
const LIMIT: Pick = { constant: WAITING_MANY };
const UNACKED: Pick = { metric: 'rabbitmq.messages', attributes: { [STATE]: 'unacknowledged' } };
/** Seconds in, milliseconds on the axis. */
const TIMES: readonly Pick[] = ['p50', 'p95'].map((statistic) => ({
  metric: 'celery.task.duration',
  attributes: { [STATISTIC]: statistic },
  scale: 1000,
}));
const RATES: readonly Pick[] = [{ metric: 'rabbitmq.message.publish_rate' }, { metric: 'rabbitmq.message.ack_rate' }];

type Span = Omit<Shown, 'isLive'>;

/** The history of whichever there is; Celery's goes first, as it counts tasks. */
export function useQueueHistory(
  ids: { celeryId: number | null | undefined; rabbitId: number | null | undefined },
  isCelery: boolean,
  span: Span,
): Answer<QueryAnswer | null> {
  return useHistory(isCelery ? ids.celeryId : ids.rabbitId, isCelery ? CELERY : RABBIT, span, POINTS);
}

/** Where the line stands out above the limit, the limit is drawn; else it would press the line flat. */
function hasLimit(data: QueryAnswer | null): boolean {
  return (
    data?.series.some(
      ({ metric, points }) =>
        (metric === 'celery.queued' || metric === 'rabbitmq.messages') &&
        points.some(([, value]) => (value ?? 0) > WAITING_MANY / 2),
    ) ?? false
  );
}

function waitingSpec(key: string, isCelery: boolean, isLimited: boolean, height: number): ChartSpec {
  const m = t.value;
  const limit = pickLine(2, 'limit', m.lineLimit, '--crit', { role: 'limit' });
  const unacked = pickLine(3, 'unacked', m.queueUnackedSmall, '--s2');
  return {
    key,
    title: isCelery ? m.queueTasksWaiting : m.queueMessages,
    metrics: [],
    lines: [
      pickLine(1, 'waiting', m.queueWaitingSmall, '--s1', { isFilled: true }),
      ...(isLimited ? [limit] : []),
      ...(isCelery ? [] : [unacked]),
    ],
    axis: axisNumber,
    value: (value) => num(value),
    atLeast: 5,
    height,
  };
}

export function useWaiting(answer: Answer<QueryAnswer | null>, isCelery: boolean, key: string, height = 180) {
  const { data } = answer;
  const isLimited = hasLimit(data);
  const spec = useMemo(
    () => waitingSpec(key, isCelery, isLimited, height),
    [lang.value, key, isCelery, isLimited, height],
  );
  const drawn = useMemo(() => data && pickData(data, [isCelery ? QUEUED : READY, LIMIT, UNACKED]), [data, isCelery]);
  return { spec, data: drawn };
}

function timeSpec(): ChartSpec {
  return {
    key: 'queue-times',
    title: t.value.queueRunTime,
    metrics: [],
    lines: [pickLine(1, 'p50', 'p50', '--o1'), pickLine(2, 'p95', 'p95', '--o2')],
    axis: axisMillis,
    value: millis,
    height: 180,
  };
}

function rateSpec(): ChartSpec {
  const m = t.value;
  return {
    key: 'queue-rates',
    title: m.queueRates,
    metrics: [],
    lines: [pickLine(1, 'in', m.queueInSmall, '--s1'), pickLine(2, 'acked', m.queueAcked, '--s3')],
    axis: (value, step) => (value === 0 ? num(0) : `${axisNumber(value, step)}/s`),
    value: (value) => `${short(value)}/s`,
    height: 180,
  };
}

export function useSpeed(answer: Answer<QueryAnswer | null>, isCelery: boolean) {
  const { data } = answer;
  const spec = useMemo(() => (isCelery ? timeSpec() : rateSpec()), [lang.value, isCelery]);
  const drawn = useMemo(() => data && pickData(data, isCelery ? TIMES : RATES), [data, isCelery]);
  return { spec, data: drawn };
}
