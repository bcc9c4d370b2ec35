// Health: whether databases, workers, brokers and addresses answer, and how they did.

import { useEffect, useRef } from 'preact/hooks';

import type { CheckRow } from '../api/types';
import { availability, CheckRows } from '../checks/rows';
import { Databases } from '../checks/database';
import { useChecks } from '../checks/source';
import { checkLook, checkWord, worstState } from '../checks/states';
import { millis, num, span } from '../i18n/format';
import { t } from '../i18n/index';
import { now } from '../live/feed';
import { Shell } from '../shell/shell';
import { rangeWords } from '../shell/top-bar';
import { shown } from '../state/scope';
import { announce } from '../ui/announcer';
import { AnswerCard } from '../ui/card';
import { HowTo, Snippets } from '../ui/how-to';
import { Icon } from '../ui/icon';
import { Kpi } from '../ui/kpi';

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function Head({ rows }: { rows: readonly CheckRow[] }) {
  const m = t.value;
  const worst = worstState(rows) ?? 'online';
  const look = checkLook(worst);
  const online = rows.filter((row) => row.state === 'online').length;
  // One that is away does not make the whole offline.
  const isAll = worst !== 'offline' || online === 0;
  const word = isAll ? checkWord(worst) : m.verdictCritical;
  const before = useRef(word);
  useEffect(() => {
    if (before.current !== word) announce(m.announceStatus(m.health, word));
    before.current = word;
  }, [word]);
  const newest = Math.max(...rows.map((row) => row.time));
  const rated = rows.flatMap((row) => (row.availability === null ? [] : [{ row, ratio: row.availability }]));
  const lowest = rated.reduce<(typeof rated)[number] | null>(
    (least, one) => (least === null || one.ratio < least.ratio ? one : least),
    null,
  );
  const all = rows.reduce((sum, row) => sum + row.total, 0);
  const well = rated.reduce((sum, { row, ratio }) => sum + row.total * ratio, 0);
  const latencies = rows.flatMap((row) => (row.mean_latency_ms === null ? [] : [row.mean_latency_ms]));
  const latency = mean(latencies);
  return (
    <div class="g12">
      <section class="card c4" aria-label={m.verdict}>
        <div class="b row hero-led health-led">
          <span class={`bigled ${look.class}`}>
            <Icon name={look.icon} size={26} />
          </span>
          <div>
            <div class={`hero-t ${look.class}`} data-health={worst}>
              {isAll && worst !== 'degraded' ? word.toLocaleUpperCase() : word}
            </div>
            <div class="sub tn">{m.checksAnswer(num(online), num(rows.length))}</div>
            <div class="sub tn">{m.lastCheck(m.ago(span(Math.max(0, now.value - newest))))}</div>
          </div>
        </div>
      </section>
      <section class="card c8" aria-label={m.keyFigures}>
        <div class="kpis flat k3">
          <Kpi
            label={m.availability}
            value={all === 0 ? m.none : availability(well / all)}
            note={m.countResults(num(all))}
          />
          <Kpi
            label={m.lowestAvailability}
            value={lowest === null ? m.none : availability(lowest.ratio)}
            note={lowest?.row.name ?? ''}
          />
          <Kpi
            label={m.meanLatency}
            value={latency === null ? m.none : millis(latency)}
            note={m.ofChecks(num(latencies.length))}
          />
        </div>
      </section>
    </div>
  );
}

function Body() {
  const m = t.value;
  const answer = useChecks(shown.value);
  if (answer.data?.length === 0) {
    return (
      <HowTo icon="heart" title={m.noChecks} text={m.noChecksText}>
        <Snippets kinds={['probes']} />
      </HowTo>
    );
  }
  return (
    <>
      {answer.data && <Head rows={answer.data} />}
      <AnswerCard id="checks" title={m.checks} sub={rangeWords()} isFlush answer={answer} height={320}>
        {(rows) => <CheckRows rows={rows} />}
      </AnswerCard>
      <Databases />
    </>
  );
}

export function HealthPage() {
  return (
    <Shell title={t.value.health} ranges="any">
      <Body />
    </Shell>
  );
}
