// The last hundred requests, one bar each, with the lines of their mean, shortest and longest; or as a table.

import { useSignal } from '@preact/signals';

import type { RecentRequests, RequestRow } from '../api/types';
import { hhmmss, millis, num } from '../i18n/format';
import { t } from '../i18n/index';
import type { Answer } from '../live/answer';
import { nameOf } from '../state/scope';
import { AnswerCard } from '../ui/card';
import { Endpoint, Status, statusText } from '../ui/http';
import { Icon } from '../ui/icon';
import { Empty } from '../ui/parts';
import { Picker } from '../ui/pick';

export const LAST = 100;

export function hasFailed(row: RequestRow): boolean {
  return row.status >= 500 || row.status === 0 || row.exception !== null;
}

/** Height of a duration in percent of the longest; what is there at all is seen. */
export function barHeight(ms: number, longest: number): number {
  return longest > 0 ? Math.max(1.5, (ms / longest) * 100) : 1.5;
}

function tip(row: RequestRow | undefined): string[] {
  if (!row) return [];
  const lines = [
    hhmmss(row.time),
    `${row.method} ${row.path ?? row.route}`,
    `${statusText(row.status)} · ${millis(row.duration_ms)}`,
    nameOf(row.service),
  ];
  if (row.exception !== null) lines.push(row.exception);
  return lines;
}

function Picture({ data }: { data: RecentRequests }) {
  const m = t.value;
  // Time goes to the right.
  const rows = [...data.requests].reverse();
  const longest = data.max_ms ?? 0;
  const marks = [
    ['max', m.longest, data.max_ms, '--o3'],
    ['mean', m.mean, data.mean_ms, '--s2'],
    ['min', m.shortest, data.min_ms, '--s3'],
  ] as const;
  const failed = rows.filter(hasFailed).length;
  const words = marks.map(([, label, ms]) => `${label} ${ms === null ? m.none : millis(ms)}`).join(', ');
  return (
    <>
      <div class="legend">
        {marks.map(([key, label, ms, color]) => (
          <span key={key}>
            <i class="sw d" style={{ borderColor: `var(${color})` }} />
            {label} <b>{ms === null ? m.none : millis(ms)}</b>
          </span>
        ))}
        {failed > 0 && (
          <span>
            <i class="sw sq" style={{ borderColor: 'var(--crit-mark)' }} />
            {m.failedOnes} <b>{num(failed)}</b>
          </span>
        )}
      </div>
      <Picker
        class="lastbars"
        count={rows.length}
        label={`${m.lastRequests(num(rows.length))}: ${words}`}
        hint={m.pickKeys}
        tip={(index) => tip(rows[index])}
      >
        {rows.map((row, i) => (
          <i key={i} class={hasFailed(row) ? 'c' : ''} style={{ height: `${barHeight(row.duration_ms, longest)}%` }} />
        ))}
        {marks.map(
          ([key, , ms, color]) =>
            ms !== null && (
              <u
                key={key}
                style={{ bottom: `${longest > 0 ? (ms / longest) * 100 : 0}%`, borderColor: `var(${color})` }}
              />
            ),
        )}
      </Picker>
    </>
  );
}

function Rows({ data }: { data: RecentRequests }) {
  const m = t.value;
  return (
    <div class="scroll lasttable" tabIndex={0} role="region" aria-label={m.tableOf(m.lastRequests(num(LAST)))}>
      <table class="tbl tight">
        <thead>
          <tr>
            <th scope="col">{m.chartTime}</th>
            <th scope="col">{m.endpoint}</th>
            <th scope="col">{m.status}</th>
            <th scope="col" class="n">
              {m.duration}
            </th>
          </tr>
        </thead>
        <tbody>
          {data.requests.map((row, i) => (
            <tr key={i}>
              <td class="tn muted">{hhmmss(row.time)}</td>
              <td class="ell">
                <Endpoint method={row.method} route={row.path ?? row.route} />
              </td>
              <td>
                <Status status={row.status} />
              </td>
              <td class="n">{millis(row.duration_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function LastRequests({ answer }: { answer: Answer<RecentRequests> }) {
  const m = t.value;
  const isTable = useSignal(false);
  const title = m.lastRequests(num(LAST));
  const word = isTable.value ? m.chartPicture : m.chartTable;
  return (
    <AnswerCard
      id="last"
      title={title}
      class="c5"
      answer={answer}
      height={190}
      end={
        <button
          class="btn-icon"
          aria-label={`${title}: ${word}`}
          title={word}
          aria-pressed={isTable.value}
          onClick={() => (isTable.value = !isTable.peek())}
        >
          <Icon name={isTable.value ? 'line' : 'table'} />
        </button>
      }
      isEmpty={(data) => data.requests.length === 0}
      empty={<Empty icon="ghost" title={m.chartEmpty} />}
    >
      {(data) => (isTable.value ? <Rows data={data} /> : <Picture data={data} />)}
    </AnswerCard>
  );
}
