// The largest processes of a resource by CPU and by memory: live, or their mean over a range of the past.

import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';

import { api } from '../api/client';
import type { SeriesRow } from '../api/types';
import type { View } from '../chart/view';
import { bytes, num, pct } from '../i18n/format';
import { t } from '../i18n/index';
import * as clock from '../live/clock';
import { linkState, refresh } from '../live/feed';
import { Icon } from '../ui/icon';
import { Empty } from '../ui/parts';
import type { ResourceSource } from './source';

const CPU = 'process.cpu.time';
const MEMORY = 'process.memory.usage';
const SHOWN = 20;
/** The agent reads processes less often than the rest; what is older than this has left the list of the largest. */
const FRESH_MS = 30_000;

export interface ProcessRow {
  pid: string;
  name: string;
  /** Cores. */
  cpu: number | null;
  /** Bytes. */
  memory: number | null;
}

/** Joins the two metrics by process; what has no value is left out. */
export function processRows(series: readonly SeriesRow[], value: (id: number) => number | null): ProcessRow[] {
  const rows = new Map<string, ProcessRow>();
  for (const { id, metric, attributes } of series) {
    if (metric !== CPU && metric !== MEMORY) continue;
    const found = value(id);
    if (found === null) continue;
    const pid = attributes['process.pid'] ?? '';
    const name = attributes['process.executable.name'] ?? '';
    const row = rows.get(`${pid} ${name}`) ?? { pid, name, cpu: null, memory: null };
    if (metric === CPU) row.cpu = found;
    else row.memory = found;
    rows.set(`${pid} ${name}`, row);
  }
  return [...rows.values()];
}

interface Props {
  resource: number;
  source: ResourceSource;
  view: View;
  /** Cores that may be used, for the bars. */
  cores: number | null;
}

export function Processes({ resource, source, view, cores }: Props) {
  const m = t.value;
  const sort = useSignal<'cpu' | 'memory'>('cpu');
  const means = useSignal<ReadonlyMap<number, number> | null>(null);
  const series = source.series.value ?? [];
  const own = useMemo(() => series.filter((s) => s.metric === CPU || s.metric === MEMORY), [series]);
  const isPushed = view.isLive && linkState.value === 'open';
  const again = refresh.value;

  useEffect(() => {
    if (isPushed || own.length === 0) return;
    const aborter = new AbortController();
    const end = clock.now();
    // Live without a socket: the last minute stands for now.
    const { from, to } = view.isLive ? { from: end - 60_000, to: end } : view.stretch(end);
    const step = Math.max(1_000, Math.round((to - from) / 60_000) * 1_000);
    api.query({ metrics: [CPU, MEMORY], resources: [resource], from, to, step }, aborter.signal).then(
      (answer) => {
        const found = new Map<number, number>();
        for (const { id, points } of answer.series) {
          const values = points.flatMap(([, value]) => (value === null ? [] : [value]));
          if (values.length > 0) found.set(id, values.reduce((a, b) => a + b, 0) / values.length);
        }
        means.value = found;
      },
      () => undefined,
    );
    return () => aborter.abort();
  }, [resource, own, isPushed, view.key, again]);

  if (own.length === 0) return null;
  // Reading the tick draws the table with every frame.
  if (isPushed) void source.tick.value;
  const newest = Math.max(0, ...own.map((s) => source.times.get(s.id) ?? 0));
  const value = (id: number): number | null => {
    if (!isPushed) return means.value?.get(id) ?? null;
    return (source.times.get(id) ?? -Infinity) >= newest - FRESH_MS ? (source.known.get(id) ?? null) : null;
  };
  const key = sort.value;
  const rows = processRows(own, value)
    .sort((a, b) => (b[key] ?? -1) - (a[key] ?? -1) || Number(a.pid) - Number(b.pid))
    .slice(0, SHOWN);
  const head = (id: 'cpu' | 'memory', text: string) => (
    <th scope="col" class="n" aria-sort={key === id ? 'descending' : undefined}>
      <button onClick={() => (sort.value = id)}>
        {text}
        {key === id && <Icon name="down" size={11} />}
      </button>
    </th>
  );
  return (
    <section class="card c6" aria-labelledby="processes">
      <header>
        <h2 id="processes">{m.processes}</h2>
        <span class="src">{view.isLive ? m.processesSub : m.processesMean}</span>
      </header>
      <div class="b flush">
        {rows.length === 0 ? (
          <Empty icon="ghost" title={m.processesEmpty} />
        ) : (
          <div class="scroll procs" tabIndex={0} role="region" aria-label={m.tableOf(m.processes)}>
            <table class="tbl tight end">
              <thead>
                <tr>
                  <th scope="col">{m.colProcess}</th>
                  <th scope="col" class="n">
                    {m.colPid}
                  </th>
                  {head('cpu', m.processCpu)}
                  {head('memory', m.processMemory)}
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={`${row.pid} ${row.name}`}>
                    <td class="mono ell">{row.name}</td>
                    <td class="n muted">{row.pid}</td>
                    <td
                      class="n"
                      title={row.cpu === null || cores === null ? undefined : m.ofLimit(pct(row.cpu / cores))}
                    >
                      {row.cpu === null ? '—' : `${num(row.cpu * 100, 1)}%`}
                    </td>
                    <td class="n">{row.memory === null ? '—' : bytes(row.memory)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
    </section>
  );
}
