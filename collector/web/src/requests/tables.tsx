// The tables about requests: most used endpoints, slowest requests, status split, tenants.

import type { EndpointRow, LatencyAnswer, RequestRow, TenantRow } from '../api/types';
import { hhmmss, millis, num, pct, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import type { Answer } from '../live/answer';
import { hrefWith } from '../state/route';
import { nameOf, services } from '../state/scope';
import { AnswerCard } from '../ui/card';
import { Endpoint, Status, statusClass, statusText, Trace } from '../ui/http';
import { Empty } from '../ui/parts';
import { failing, slowness } from './figures';

const ms = (value: number | null) => (value === null ? '—' : millis(value));

/** A bar for a share of the largest, beside the figure itself. */
function Share({ ratio, color }: { ratio: number; color?: string }) {
  const width = `${(Math.min(1, Math.max(0, ratio)) * 100).toFixed(1)}%`;
  return (
    <span class="meter mini sharebar d-only" aria-hidden="true">
      <i style={{ width, ...(color === undefined ? {} : { background: `var(${color})` }) }} />
    </span>
  );
}

export function Endpoints({ answer }: { answer: Answer<EndpointRow[]> }) {
  const m = t.value;
  return (
    <AnswerCard
      id="endpoints"
      title={m.topEndpoints}
      sub={m.mostUsed}
      class="c7"
      isFlush
      answer={answer}
      height={300}
      isEmpty={(rows) => rows.length === 0}
      empty={<Empty icon="ghost" title={m.chartEmpty} />}
    >
      {(rows) => (
        <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.topEndpoints)}>
          <table class="tbl tight end">
            <thead>
              <tr>
                <th scope="col">{m.endpoint}</th>
                <th scope="col" class="n">
                  {m.calls}
                </th>
                <th scope="col" class="n">
                  {m.mean}
                </th>
                <th scope="col" class="n">
                  P95
                </th>
                <th scope="col" class="n m-hide">
                  P99
                </th>
                <th scope="col" class="n">
                  {m.errors}
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => {
                const ratio = row.count > 0 ? row.failed / row.count : 0;
                return (
                  <tr key={`${row.method} ${row.route}`}>
                    <td class="ell max">
                      <Endpoint method={row.method} route={row.route} />
                    </td>
                    <td class="n" title={pct(row.share)}>
                      <span class="row sharecell">
                        <Share ratio={row.share / (rows[0]?.share || 1)} />
                        <span class="amount">{num(row.count)}</span>
                      </span>
                    </td>
                    <td class="n muted">{ms(row.mean_ms)}</td>
                    <td class={`n ${slowness(row.p95_ms)}`}>{ms(row.p95_ms)}</td>
                    <td class="n muted m-hide">{ms(row.p99_ms)}</td>
                    <td class={`n ${failing(ratio) || 'muted'}`}>{pct(ratio)}</td>
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

export function Slowest({ answer }: { answer: Answer<RequestRow[]> }) {
  const m = t.value;
  const hasServices = services.value.length > 1;
  return (
    <AnswerCard
      id="slowest"
      title={m.slowest}
      sub={m.slowestSub}
      isFlush
      answer={answer}
      height={240}
      isEmpty={(rows) => rows.length === 0}
      empty={<Empty icon="check" title={m.noneSlow} text={m.noneSlowText} />}
    >
      {(rows) => (
        <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.slowest)}>
          <table class="tbl tight end">
            <thead>
              <tr>
                <th scope="col">{m.chartTime}</th>
                <th scope="col">{m.endpoint}</th>
                {hasServices && <th scope="col">{m.service}</th>}
                <th scope="col">{m.status}</th>
                <th scope="col" class="n" aria-sort="descending">
                  {m.duration}
                </th>
                <th scope="col">{m.tenant}</th>
                <th scope="col">{m.user}</th>
                <th scope="col">{m.trace}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row, i) => (
                <tr key={i}>
                  <td class="tn muted" title={stamp(row.time)}>
                    {hhmmss(row.time)}
                  </td>
                  <td class="ell max" title={row.route}>
                    <Endpoint method={row.method} route={row.path ?? row.route} />
                  </td>
                  {hasServices && <td class="muted">{nameOf(row.service)}</td>}
                  <td>
                    <Status status={row.status} />
                    {row.exception !== null && <span class="sub mono exception"> {row.exception}</span>}
                  </td>
                  <td class="n">
                    <span class="row sharecell">
                      <Share ratio={row.duration_ms / (rows[0]?.duration_ms || 1)} color="--o2" />
                      <span class="amount">{millis(row.duration_ms)}</span>
                    </span>
                  </td>
                  <td>{row.tenant ?? <span class="faint">—</span>}</td>
                  <td class="muted">{row.user ?? '—'}</td>
                  <td>
                    <Trace id={row.trace_id} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </AnswerCard>
  );
}

const STATUSES_SHOWN = 8;
const STATUS_COLORS = { crit: '--crit-mark', warn: '--s2', muted: '--s1' } as const;

export function StatusSplit({ answer }: { answer: Answer<LatencyAnswer> }) {
  const m = t.value;
  return (
    <AnswerCard
      id="statuses"
      title={m.statusSplit}
      class="c5"
      answer={answer}
      height={160}
      isEmpty={(data) => data.statuses.length === 0}
      empty={<Empty icon="ghost" title={m.chartEmpty} />}
    >
      {(data) => {
        const rows = [...data.statuses].sort((a, b) => b.count - a.count);
        const all = rows.reduce((sum, row) => sum + row.count, 0);
        const others = rows.slice(STATUSES_SHOWN).reduce((sum, row) => sum + row.count, 0);
        return (
          <>
            <div class="split-bar" aria-hidden="true">
              {rows.map((row) => (
                <i
                  key={row.status}
                  class={statusClass(row.status)}
                  style={{ flexGrow: row.count, background: `var(${STATUS_COLORS[statusClass(row.status)]})` }}
                />
              ))}
            </div>
            <ul class="split-list">
              {rows.slice(0, STATUSES_SHOWN).map((row) => (
                <li key={row.status} class="row">
                  <Status status={row.status} />
                  <span class="grow" />
                  <b class="tn">{num(row.count)}</b>
                  <span class="sub tn share-w">{pct(row.count / all)}</span>
                </li>
              ))}
              {others > 0 && (
                <li class="row">
                  <span class="muted">{m.lineOthers}</span>
                  <span class="grow" />
                  <b class="tn">{num(others)}</b>
                  <span class="sub tn share-w">{pct(others / all)}</span>
                </li>
              )}
            </ul>
            <p class="sr">{rows.map((row) => `${statusText(row.status)}: ${num(row.count)}`).join(', ')}</p>
          </>
        );
      }}
    </AnswerCard>
  );
}

export function Tenants({ answer }: { answer: Answer<TenantRow[]> }) {
  const m = t.value;
  // One row without a name says nothing that the figures above do not.
  if (answer.data !== null && answer.data.every((row) => row.tenant === null)) return null;
  return (
    <AnswerCard id="tenants" title={m.tenants} sub={m.tenantsSub} isFlush answer={answer} height={200}>
      {(rows) => (
        <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.tenants)}>
          <table class="tbl tight end">
            <thead>
              <tr>
                <th scope="col">{m.tenant}</th>
                <th scope="col" class="n">
                  {m.requests}
                </th>
                <th scope="col" class="n">
                  {m.shareOfRequests}
                </th>
                <th scope="col" class="n">
                  {m.shareOfSlow}
                </th>
                <th scope="col" class="n m-hide">
                  {m.mean}
                </th>
                <th scope="col" class="n">
                  P95
                </th>
                <th scope="col" class="n">
                  {m.errors}
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => {
                const ratio = row.count > 0 ? row.failed / row.count : 0;
                return (
                  <tr key={row.tenant ?? ''}>
                    <td class="ell max">
                      {row.tenant === null ? (
                        <span class="faint">{m.noTenant}</span>
                      ) : (
                        <a href={hrefWith('/requests', { tenant: row.tenant })}>{row.tenant}</a>
                      )}
                    </td>
                    <td class="n">{num(row.count)}</td>
                    <td class="n">
                      <span class="row sharecell">
                        <Share ratio={row.share} />
                        <span class="amount">{pct(row.share)}</span>
                      </span>
                    </td>
                    <td class="n" title={m.slowTime(millis(row.slow_ms))}>
                      <span class="row sharecell">
                        <Share ratio={row.slow_share} color="--o2" />
                        <span class="amount">{pct(row.slow_share)}</span>
                      </span>
                    </td>
                    <td class="n muted m-hide">{ms(row.mean_ms)}</td>
                    <td class={`n ${slowness(row.p95_ms)}`}>{ms(row.p95_ms)}</td>
                    <td class={`n ${failing(ratio) || 'muted'}`}>{pct(ratio)}</td>
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
