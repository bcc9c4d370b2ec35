// What health checks with credentials tell of databases: connections against those allowed, and size.

import { api } from '../api/client';
import type { Point, QueryAnswer } from '../api/types';
import { bytes, num, pct } from '../i18n/format';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { nameOf, shown } from '../state/scope';
import { AnswerCard } from '../ui/card';
import { level, Meter, Spark } from '../ui/parts';
import { stepFor } from '../time/range';

const METRICS = ['postgresql.backends', 'postgresql.connection.max', 'postgresql.db_size'];
const CHECK = 'farol.check.name';
const DATABASE = 'db.namespace';
/** Points of the small chart. */
const POINTS = 60;
const FINEST_MS = 10_000;

export interface DatabaseRow {
  resource: number;
  check: string;
  database: string;
  connections: number | null;
  /** Of the whole server. */
  connectionsMax: number | null;
  size: number | null;
  trend: number[];
}

function last(points: readonly Point[]): number | null {
  return points.findLast(([, value]) => value !== null)?.[1] ?? null;
}

/** Joins the metrics by database. */
export function databases(answer: QueryAnswer): DatabaseRow[] {
  const rows = new Map<string, DatabaseRow>();
  const limits = new Map<string, number | null>();
  for (const { resource, metric, attributes, points } of answer.series) {
    const check = attributes[CHECK] ?? '';
    if (metric === 'postgresql.connection.max') {
      limits.set(`${resource} ${check}`, last(points));
      continue;
    }
    const database = attributes[DATABASE] ?? '';
    const key = `${resource} ${check} ${database}`;
    const row = rows.get(key) ?? {
      resource,
      check,
      database,
      connections: null,
      connectionsMax: null,
      size: null,
      trend: [],
    };
    rows.set(key, row);
    if (metric === 'postgresql.db_size') row.size = last(points);
    else {
      row.connections = last(points);
      row.trend = points.map(([, value]) => value ?? NaN);
    }
  }
  for (const row of rows.values()) row.connectionsMax = limits.get(`${row.resource} ${row.check}`) ?? null;
  return [...rows.values()].sort(
    (a, b) => (b.size ?? -1) - (a.size ?? -1) || a.check.localeCompare(b.check) || a.database.localeCompare(b.database),
  );
}

export function Databases() {
  const m = t.value;
  const span = shown.value;
  const answer = useAnswer(span.key, span.every, async (signal) => {
    const step = stepFor(span.ms, POINTS, FINEST_MS);
    return databases(await api.query({ metrics: METRICS, resources: [], ...span.at(clock.now()), step }, signal));
  });
  // Most have none: no card then, not even for the wait.
  if (answer.data === null || answer.data.length === 0) return null;
  return (
    <AnswerCard id="databases" title={m.databases} isFlush answer={answer} height={120}>
      {(rows) => (
        <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.databases)}>
          <table class="tbl tight end">
            <thead>
              <tr>
                <th scope="col">{m.partDatabase}</th>
                <th scope="col" class="m-hide">
                  {m.check}
                </th>
                <th scope="col" class="n">
                  {m.connections}
                </th>
                <th scope="col" class="m-hide" aria-hidden="true" />
                <th scope="col" class="n">
                  {m.size}
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => {
                const ratio =
                  row.connections !== null && row.connectionsMax ? row.connections / row.connectionsMax : null;
                return (
                  <tr key={`${row.resource} ${row.check} ${row.database}`}>
                    <td class="mono">{row.database === '' ? '—' : row.database}</td>
                    <td class="muted m-hide">
                      {row.check} · {nameOf(row.resource)}
                    </td>
                    <td class="n">
                      <span class="row sharecell" title={ratio === null ? undefined : m.ofLimit(pct(ratio))}>
                        {ratio !== null && (
                          <span class="sharebar d-only">
                            <Meter ratio={ratio} mini />
                          </span>
                        )}
                        <span class={`amount ${level(ratio)}`}>
                          {row.connections === null ? '—' : num(row.connections)}
                          {row.connectionsMax !== null && <span class="faint"> / {num(row.connectionsMax)}</span>}
                        </span>
                      </span>
                    </td>
                    <td class="m-hide trend">
                      <Spark values={row.trend} height={20} />
                    </td>
                    <td class="n">{row.size === null ? '—' : bytes(row.size)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </AnswerCard>
  );
}
