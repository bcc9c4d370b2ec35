// The list of health checks: state, the last fifty results, response time, availability.

import type { CheckPoint, CheckRow } from '../api/types';
import { hhmmss, millis, num, pct, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { fleet } from '../live/fleet';
import { href } from '../state/route';
import { Icon } from '../ui/icon';
import { Spark } from '../ui/parts';
import { Picker } from '../ui/pick';
import { checkLook, checkWord, kindName, RESULTS, worstCheckFirst } from './states';

/** Shape and colour, with the word beside it. */
export function CheckLight({ row, size = 15 }: { row: Pick<CheckRow, 'state'>; size?: number }) {
  const look = checkLook(row.state);
  return (
    <span class={`si ${look.class}`} title={checkWord(row.state)}>
      <Icon name={look.icon} size={size} />
    </span>
  );
}

function tip(point: CheckPoint | undefined): string[] {
  if (!point) return [];
  const m = t.value;
  const latency = point.latency_ms === null ? '' : ` · ${millis(point.latency_ms)}`;
  const lines = [stamp(point.time), `${checkWord(point.state)}${latency}`];
  if (!point.success && point.state === 'online') lines.push(m.oneFailed);
  if (point.detail !== null && point.detail !== '') lines.push(point.detail);
  return lines;
}

/** The results from left to right, always as many cells, so that checks can be compared. */
function Timeline({ row }: { row: CheckRow }) {
  const m = t.value;
  const points = [...row.results].reverse();
  const missing = Math.max(0, RESULTS - points.length);
  const failed = points.filter((point) => point.state !== 'online').length;
  return (
    <Picker
      class="strip"
      count={RESULTS}
      label={m.timelineOf(row.name, num(points.length), num(failed))}
      hint={m.pickKeys}
      tip={(index) => (index < missing ? [m.noResultYet] : tip(points[index - missing]))}
    >
      {Array.from({ length: missing }, (_, i) => (
        <i key={`m${i}`} class="u" />
      ))}
      {points.map((point) => (
        <i key={point.time} class={`${checkLook(point.state).class}${point.success ? '' : ' f'}`} />
      ))}
    </Picker>
  );
}

/** Availability never rounds up to a whole that it was not. */
export function availability(ratio: number): string {
  const floored = Math.floor(ratio * 10_000) / 10_000;
  return pct(floored, floored === 1 ? 0 : 2);
}

function Row({ row }: { row: CheckRow }) {
  const m = t.value;
  const look = checkLook(row.state);
  const resource = fleet.value.get(row.resource)?.row.value;
  const latencies = [...row.results].reverse().map((point) => point.latency_ms ?? NaN);
  const hasLatency = latencies.some((value) => !Number.isNaN(value));
  return (
    <li class="check" data-check={row.name}>
      <span class="check-n row">
        <CheckLight row={row} />
        <span class="grow">
          <b class="ell">{row.name}</b>
          <span class="sub ell">
            {kindName(row.kind)}
            {row.target !== '' && row.target !== row.name && ` · ${row.target}`}
            {resource && (
              <>
                {' · '}
                <a href={href(`/resource/${row.resource}`)}>{resource.name}</a>
              </>
            )}
          </span>
        </span>
        <span class={`badge ${look.class}`}>{checkWord(row.state)}</span>
      </span>
      <span class="check-t">
        <Timeline row={row} />
      </span>
      <span class="check-l tn">
        <span class="check-h">{m.meanLatency}</span>
        {row.mean_latency_ms === null ? '—' : millis(row.mean_latency_ms)}
      </span>
      <span class="check-s">{hasLatency && <Spark values={latencies} height={22} />}</span>
      <span class="check-a tn" title={m.countResults(num(row.total))}>
        <span class="check-h">{m.availability}</span>
        <b>{row.availability === null ? '—' : availability(row.availability)}</b>
      </span>
      {row.state !== 'online' && row.detail !== null && row.detail !== '' && (
        <span class={`check-d sub ${look.class}`}>
          {row.detail} <span class="faint tn">({hhmmss(row.time)})</span>
        </span>
      )}
    </li>
  );
}

export function CheckRows({ rows }: { rows: readonly CheckRow[] }) {
  const m = t.value;
  return (
    <>
      <div class="check check-head d-only" aria-hidden="true">
        <span class="check-n">{m.check}</span>
        <span class="check-t">{m.lastResults(num(RESULTS))}</span>
        <span class="check-l">{m.meanLatency}</span>
        <span class="check-s" />
        <span class="check-a">{m.availability}</span>
      </div>
      <ul class="checks">
        {[...rows].sort(worstCheckFirst).map((row) => (
          <Row key={`${row.resource} ${row.name}`} row={row} />
        ))}
      </ul>
    </>
  );
}
