// The table of queues, those of RabbitMQ and of Celery as one; over two hundred rows only those in sight are drawn.

import { useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';

import { num, short, span } from '../i18n/format';
import { t } from '../i18n/index';
import { Icon, type IconName } from '../ui/icon';
import { Empty } from '../ui/parts';
import { count } from './figures';
import type { Level, QueueRow } from './source';

const ROW_PX = 37;
const ALL_BELOW = 200;
/** Rows around those in sight, so that a quick scroll shows no hole. */
const AROUND = 15;
/** Rows in sight of the box. */
const SEEN = 15;

const ICONS: Record<Level, IconName> = { ok: 'check', warn: 'warn', crit: 'crit' };

function levelWord(level: Level): string {
  const m = t.value;
  return { ok: m.statusOk, warn: m.statusWarning, crit: m.statusCritical }[level];
}

function rate(value: number | null): string {
  return value === null ? t.value.none : `${short(value)}/s`;
}

function Row({ row, hasVhosts }: { row: QueueRow; hasVhosts: boolean }) {
  const m = t.value;
  const lists = row.priorities.length > 1 ? row.priorities : [];
  const title = lists.map((one) => m.queuePriority(num(one.priority), num(one.length))).join('\n');
  return (
    <tr data-queue={row.name}>
      <td class="name">
        <span class="row name-cell" title={title === '' ? undefined : title}>
          <span class={`si ${row.level}`} title={levelWord(row.level)}>
            <Icon name={ICONS[row.level]} size={15} />
            <span class="sr">{levelWord(row.level)}</span>
          </span>
          <b class="mono ell">{row.name}</b>
          {hasVhosts && row.vhost !== null && <span class="faint mono">{row.vhost}</span>}
        </span>
      </td>
      <td class={`n ${row.level === 'crit' ? 'crit' : ''}`}>{count(row.waiting)}</td>
      <td class="n muted m-hide">{count(row.unacked)}</td>
      <td class="n muted m-hide">{rate(row.inRate)}</td>
      <td class="n muted">{rate(row.outRate)}</td>
      <td class="n m-hide">{row.drainS === null ? m.none : span(row.drainS * 1000)}</td>
      <td
        class={`n ${row.consumers === 0 ? 'warn' : 'muted'}`}
        title={row.consumers === 0 ? m.queueNoConsumer : undefined}
      >
        {count(row.consumers)}
      </td>
    </tr>
  );
}

export function QueueTable({ rows }: { rows: readonly QueueRow[] }) {
  const m = t.value;
  const top = useSignal(0);
  const box = useRef<HTMLDivElement>(null);
  if (rows.length === 0) return <Empty icon="layers" title={m.queueNone} text={m.queueNoneText} />;
  const isWindowed = rows.length > ALL_BELOW;
  const first = isWindowed ? Math.min(top.value, Math.max(0, rows.length - SEEN)) : 0;
  const from = isWindowed ? Math.max(0, first - AROUND) : 0;
  const to = isWindowed ? Math.min(rows.length, first + SEEN + AROUND) : rows.length;
  const hasVhosts = new Set(rows.map((row) => row.vhost).filter((vhost) => vhost !== null)).size > 1;
  const onScroll = () => {
    // By tens: a step in between would draw the same rows again.
    const row = Math.floor((box.current?.scrollTop ?? 0) / ROW_PX);
    top.value = row - (row % 10);
  };
  return (
    <div
      ref={box}
      class="scroll queuelist"
      tabIndex={0}
      role="region"
      aria-label={m.tableOf(m.queues)}
      onScroll={isWindowed ? onScroll : undefined}
    >
      <table class="tbl end" aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            <th scope="col">{m.queueName}</th>
            <th scope="col" class="n">
              {m.queueWaiting}
            </th>
            <th scope="col" class="n m-hide">
              {m.queueUnacked}
            </th>
            <th scope="col" class="n m-hide">
              {m.queueIn}
            </th>
            <th scope="col" class="n">
              {m.queueOut}
            </th>
            <th scope="col" class="n m-hide">
              {m.queueDrains}
            </th>
            <th scope="col" class="n">
              {m.queueConsumers}
            </th>
          </tr>
        </thead>
        <tbody>
          {from > 0 && <tr class="spacer" style={{ height: `${from * ROW_PX}px` }} />}
          {rows.slice(from, to).map((row) => (
            <Row key={row.key} row={row} hasVhosts={hasVhosts} />
          ))}
          {to < rows.length && <tr class="spacer" style={{ height: `${(rows.length - to) * ROW_PX}px` }} />}
        </tbody>
      </table>
    </div>
  );
}
