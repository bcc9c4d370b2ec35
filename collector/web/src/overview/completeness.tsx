// How complete the record is: for each agent what was expected, stored, late and lost in the last 24 hours.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { api } from '../api/client';
import type { Completeness } from '../api/types';
import { num, span } from '../i18n/format';
import { t } from '../i18n/index';
import * as clock from '../live/clock';
import { now, pausedAt, refresh } from '../live/feed';
import { fleet } from '../live/fleet';
import { Icon } from '../ui/icon';

const DAY_MS = 86_400_000;
const ASK_EVERY_MS = 15_000;

const agents = signal<readonly Completeness[] | null>(null);

async function ask(): Promise<void> {
  if (document.hidden || pausedAt.peek() !== null) return;
  const end = clock.now();
  try {
    agents.value = await api.completeness(end - DAY_MS, end);
  } catch {
    // The bar on top tells of a lost connection; old figures stay and their age grows.
  }
}

/** Asks for the figures while a component that shows them is on the page. */
export function useCompleteness(): readonly Completeness[] | null {
  const again = refresh.value;
  useEffect(() => {
    void ask();
    const timer = setInterval(() => void ask(), ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, [again]);
  return agents.value;
}

export function lostSamples(row: Completeness): number {
  return row.lost.reduce((sum, lost) => sum + lost.samples, row.missing ?? 0);
}

/** Age of an agent's newest sample: what was pushed since the answer counts as well. */
function newestAge(row: Completeness): string {
  let newest = row.newest ?? 0;
  for (const resource of fleet.value.values()) {
    if (resource.row.value.agent === row.agent) newest = Math.max(newest, resource.live.value.time);
  }
  return newest === 0 ? t.value.none : t.value.ago(span(Math.max(0, now.value - newest)));
}

/** "86,400 of 86,400 samples in 24 h, newest 0.3 s ago, 0 lost, 12 late". */
export function completenessLine(row: Completeness): string {
  return t.value.completenessLine(
    num(row.stored),
    num(row.expected),
    newestAge(row),
    num(lostSamples(row)),
    num(row.late),
  );
}

export function AgentLine({ agent }: { agent: string }) {
  const row = useCompleteness()?.find((entry) => entry.agent === agent);
  if (!row) return null;
  const isWhole = lostSamples(row) === 0;
  return (
    <p class="sub tn row complete">
      <span class={isWhole ? 'ok' : 'warn'}>
        <Icon name={isWhole ? 'check' : 'warn'} size={14} />
      </span>
      <span>{completenessLine(row)}</span>
    </p>
  );
}

export function CompletenessCard() {
  const m = t.value;
  const list = useCompleteness();
  if (list === null) return null;
  return (
    <section class="card" aria-labelledby="complete">
      <header>
        <h2 id="complete">{m.completeness}</h2>
        <span class="src">{m.completenessSub}</span>
      </header>
      <div class="b flush">
        {list.length === 0 ? (
          <p class="sub pad">{m.completenessEmpty}</p>
        ) : (
          <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.completeness)}>
            <table class="tbl tight end">
              <thead>
                <tr>
                  <th scope="col">{m.colAgent}</th>
                  <th scope="col" class="n">
                    {m.colStored}
                  </th>
                  <th scope="col" class="n">
                    {m.colExpected}
                  </th>
                  <th scope="col" class="n">
                    {m.colNewest}
                  </th>
                  <th scope="col" class="n">
                    {m.colLost}
                  </th>
                  <th scope="col" class="n">
                    {m.colLate}
                  </th>
                  <th scope="col" class="n m-hide">
                    {m.colRepeated}
                  </th>
                  <th scope="col" class="n m-hide">
                    {m.colBoots}
                  </th>
                </tr>
              </thead>
              <tbody>
                {list.map((row) => (
                  <AgentRow key={row.agent} row={row} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
    </section>
  );
}

function AgentRow({ row }: { row: Completeness }) {
  const lost = lostSamples(row);
  const causes = [...row.lost, { cause: 'missing', samples: row.missing ?? 0 }]
    .filter(({ samples }) => samples > 0)
    .map(({ cause, samples }) => `${cause}: ${num(samples)}`)
    .join(', ');
  return (
    <tr>
      <td>
        <span class="row">
          <span class={lost > 0 ? 'warn' : 'ok'}>
            <Icon name={lost > 0 ? 'warn' : 'check'} size={14} />
          </span>
          <span title={completenessLine(row)}>{row.agent}</span>
        </span>
      </td>
      <td class="n">{num(row.stored)}</td>
      <td class="n">{num(row.expected)}</td>
      <td class="n">{newestAge(row)}</td>
      <td class={`n ${lost > 0 ? 'warn' : ''}`}>
        {num(lost)}
        {causes !== '' && lost > 0 && <span class="faint"> ({causes})</span>}
      </td>
      <td class="n">{num(row.late)}</td>
      <td class="n m-hide">{num(row.repeated)}</td>
      <td class="n m-hide">{num(row.boots)}</td>
    </tr>
  );
}
