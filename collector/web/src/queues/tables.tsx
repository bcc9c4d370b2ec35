// Workers, tasks by type, last failures, and the nodes of RabbitMQ.

import type { CeleryFailure, CeleryTask, CeleryWorker, RabbitNode } from '../api/queues';
import { bytes, num, short, span, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { now } from '../live/feed';
import { Icon, type IconName } from '../ui/icon';
import { Empty, level, Meter } from '../ui/parts';
import { count, failingState, seconds } from './figures';

const LOOKS: Record<CeleryWorker['state'], { class: string; icon: IconName }> = {
  online: { class: 'ok', icon: 'check' },
  late: { class: 'warn', icon: 'warn' },
  offline: { class: 'crit', icon: 'ghost' },
};

function Head({ columns }: { columns: readonly (readonly [text: string, kind?: string])[] }) {
  return (
    <thead>
      <tr>
        {columns.map(([text, kind = '']) => (
          <th key={text} scope="col" class={kind}>
            {text}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function workerWord(state: CeleryWorker['state']): string {
  const m = t.value;
  return { online: m.workerOnline, late: m.workerLate, offline: m.workerOffline }[state];
}

/** The load of the last minute, where the worker tells several. */
function loadOf(load: CeleryWorker['load']): number | null {
  if (load === null || typeof load === 'number') return load;
  return load[0] ?? null;
}

const ago = (time: number | null) => (time === null ? t.value.none : t.value.ago(span(Math.max(0, now.value - time))));

export function Workers({ rows }: { rows: readonly CeleryWorker[] }) {
  const m = t.value;
  if (rows.length === 0) return <Empty icon="ghost" title={m.queueNoWorkers} text={m.queueNoWorkersText} />;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.queueWorkers)}>
      <table class="tbl end stacked">
        <Head
          columns={[
            [m.queueWorker],
            [m.queueBusy, 'n'],
            [m.queueDone, 'n'],
            [m.queueFailures, 'n'],
            [m.queueSeen, 'n'],
          ]}
        />
        <tbody>
          {rows.map((row) => {
            const look = LOOKS[row.state];
            const load = loadOf(row.load);
            return (
              <tr key={`${row.name} ${row.pid ?? ''}`} data-worker={row.state}>
                <td class="max wide">
                  <span
                    class="row name-cell"
                    title={[row.name, row.version ?? '', load === null ? '' : `${m.queueLoad} ${short(load)}`]
                      .filter(Boolean)
                      .join(' · ')}
                  >
                    <span class={`si ${look.class}`} title={workerWord(row.state)}>
                      <Icon name={look.icon} size={15} />
                      <span class="sr">{workerWord(row.state)}</span>
                    </span>
                    <span class="mono ell">{row.name}</span>
                  </span>
                </td>
                <td class="n" data-label={m.queueBusy}>
                  {count(row.active)}
                </td>
                <td class="n" data-label={m.queueDone}>
                  {count(row.processed_1h)}
                </td>
                <td class={`n ${(row.failed_1h ?? 0) > 0 ? 'warn' : ''}`} data-label={m.queueFailures}>
                  {count(row.failed_1h)}
                </td>
                <td class={`n ${row.state === 'online' ? 'muted' : look.class}`} data-label={m.queueSeen}>
                  {ago(row.last_seen)}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

export function Tasks({ rows }: { rows: readonly CeleryTask[] }) {
  const m = t.value;
  if (rows.length === 0) return <Empty icon="ghost" title={m.queueNoTasks} />;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.queueTasks)}>
      <table class="tbl end stacked">
        <Head
          columns={[
            [m.queueTask],
            [m.queueRuns, 'n'],
            [m.queueMeanCol, 'n'],
            ['p95', 'n'],
            [m.queueFailures, 'n'],
            [m.queueRetries, 'n'],
            [m.queueLastError],
          ]}
        />
        <tbody>
          {rows.map((row) => (
            <tr key={row.name}>
              <td class="mono wide">{row.name}</td>
              <td class="n" data-label={m.queueRuns}>
                {num(row.count)}
              </td>
              <td class="n muted" data-label={m.queueMeanCol}>
                {seconds(row.mean_s)}
              </td>
              <td class="n muted" data-label="p95">
                {seconds(row.p95_s)}
              </td>
              <td
                class={`n ${failingState(row.failed === null || row.count === 0 ? null : row.failed / row.count)}`}
                data-label={m.queueFailures}
              >
                {count(row.failed)}
              </td>
              <td class="n muted" data-label={m.queueRetries}>
                {count(row.retried)}
              </td>
              <td class="mono muted ell error wide" title={row.last_error ?? undefined}>
                {row.last_error ?? m.none}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Failures({ rows }: { rows: readonly CeleryFailure[] }) {
  const m = t.value;
  if (rows.length === 0) return <Empty icon="check" title={m.queueNoFailures} text={m.queueNoFailuresText} />;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.queueLastFailures)}>
      <table class="tbl tight end stacked">
        <Head columns={[[m.colWhen], [m.queueTask], [m.queueException], [m.queueWorker]]} />
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} title={[row.id, row.worker].filter(Boolean).join(' · ')}>
              <td class="muted tn" title={stamp(row.time)}>
                {ago(row.time)}
              </td>
              <td class="mono">{row.task ?? m.none}</td>
              <td class="mono crit ell error wide" title={row.exception ?? undefined}>
                {row.exception ?? m.none}
              </td>
              <td class="mono muted m-hide">{row.worker ?? m.none}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Of({ used, limit, text }: { used: number | null; limit: number | null; text: (value: number) => string }) {
  const m = t.value;
  const ratio = used === null || limit === null || limit <= 0 ? null : used / limit;
  return (
    <span class="row sharecell" title={limit === null ? undefined : m.queueOf(text(limit))}>
      {ratio !== null && (
        <span class="sharebar d-only">
          <Meter ratio={ratio} mini />
        </span>
      )}
      <span class={`amount ${level(ratio)}`}>{used === null ? m.none : text(used)}</span>
    </span>
  );
}

export function Nodes({ rows }: { rows: readonly RabbitNode[] }) {
  const m = t.value;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.queueNodes)}>
      <table class="tbl tight end stacked">
        <Head
          columns={[[m.cacheNode], [m.memory, 'n'], [m.queueDiskFree, 'n'], [m.queueFiles, 'n'], [m.queueUptime, 'n']]}
        />
        <tbody>
          {rows.map((row) => {
            const isWell = row.running && row.mem_alarm !== true && row.disk_free_alarm !== true;
            return (
              <tr key={row.name}>
                <td class="mono wide">
                  <span class="row name-cell">
                    <span class={`si ${isWell ? 'ok' : 'crit'}`}>
                      <Icon name={isWell ? 'check' : 'crit'} size={14} />
                      <span class="sr">{isWell ? m.statusOk : m.statusCritical}</span>
                    </span>
                    {row.name}
                  </span>
                </td>
                <td class="n" data-label={m.memory}>
                  <Of used={row.mem_used} limit={row.mem_limit} text={bytes} />
                </td>
                <td class={`n ${row.disk_free_alarm === true ? 'crit' : ''}`} data-label={m.queueDiskFree}>
                  {row.disk_free === null ? m.none : bytes(row.disk_free)}
                </td>
                <td class="n" data-label={m.queueFiles}>
                  <Of used={row.fd_used} limit={row.fd_total} text={num} />
                </td>
                <td class="n muted" data-label={m.queueUptime}>
                  {!row.running ? m.queueStopped : row.uptime_s === null ? m.none : span(row.uptime_s * 1000)}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
