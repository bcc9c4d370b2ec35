// The resources as the page knows them: what they are, their newest figures, and their trends for the sparklines.
//
// Each resource holds signals of its own, so that one message redraws one row and not the table.

import { computed, signal, type Signal } from '@preact/signals';

import type { HistoryAnswer, Latest, OverviewPayload, Reason, ResourceRow, Status } from '../api/types';
import { stepFor } from '../time/range';
import { Columns } from './columns';

/** What is shown of a resource: its status, or that it has ended, which is nothing to worry about. */
export type State = Status | 'ended';

export interface Live {
  /** Time of the newest sample. */
  time: number;
  status: State;
  reasons: Reason[];
  latest: Latest;
}

/** Points of a sparkline: more cannot be told apart at its width. */
const TREND_POINTS = 90;
export const CPU = 0;
export const MEMORY = 1;

export class Resource {
  readonly id: number;
  readonly row: Signal<ResourceRow>;
  readonly live: Signal<Live>;
  /** CPU and memory as ratios of their limits; null until history came. */
  trend: Columns | null = null;
  /** Counts up when the trend has a new row. */
  readonly trendTick = signal(0);

  constructor(row: ResourceRow) {
    this.id = row.id;
    this.row = signal(row);
    this.live = signal(liveOf(row));
  }

  /** Takes in a live figure; a new row of the trend makes the sparkline be drawn. */
  apply(live: Live): void {
    this.live.value = live;
    if (!this.trend) return;
    const before = this.trend.end;
    this.trend.push(CPU, live.time, live.latest.cpu_ratio ?? NaN);
    this.trend.push(MEMORY, live.time, live.latest.memory_ratio ?? NaN);
    if (this.trend.end !== before) this.trendTick.value += 1;
  }
}

function liveOf(row: ResourceRow): Live {
  return liveFrom({ ...row, time: row.last_seen });
}

function liveFrom({ time, status, reasons, ended, latest }: OverviewPayload['resources'][number]): Live {
  if (ended !== true) return { time, status, reasons, latest };
  // What ran last is no figure of now.
  const nothing = Object.fromEntries(Object.keys(latest).map((key) => [key, null])) as unknown as Latest;
  return { time, status: 'ended', reasons: [], latest: nothing };
}

export const fleet = signal<ReadonlyMap<number, Resource>>(new Map());
/** False until the first answer came. */
export const isLoaded = signal(false);

const RANK: Record<State, number> = { critical: 0, silent: 1, warning: 2, ok: 3, ended: 4 };

export function rank(status: State): number {
  return RANK[status];
}

/** Hosts and whatever else runs on nothing that we know: adding them up counts nothing twice. */
export const roots = computed(() =>
  [...fleet.value.values()].filter((r) => r.row.value.parent === null || !fleet.value.has(r.row.value.parent)),
);

/** Roots that are machines or run on one: what an application tells of itself, or what is asked elsewhere, uses nothing. */
export const machines = computed(() => roots.value.filter((r) => !['service', 'external'].includes(r.row.value.kind)));

/** Resources by the resource they run on. */
export const children = computed(() => {
  const map = new Map<number, Resource[]>();
  for (const resource of fleet.value.values()) {
    const { parent } = resource.row.value;
    if (parent === null || !fleet.value.has(parent)) continue;
    const list = map.get(parent);
    if (list) list.push(resource);
    else map.set(parent, [resource]);
  }
  return map;
});

/** The worst status there is; null while nothing is known. */
export const worst = computed<Status | null>(() => {
  let found: Status | null = null;
  for (const resource of fleet.value.values()) {
    const { status } = resource.live.value;
    if (status === 'ended') continue;
    if (found === null || rank(status) < rank(found)) found = status;
  }
  return found;
});

/** Takes in the full list: new resources appear, gone ones go, others keep their signals. */
export function load(rows: readonly ResourceRow[]): void {
  const old = fleet.peek();
  const isSame = rows.length === old.size && rows.every((row) => old.has(row.id));
  const next = isSame ? old : new Map<number, Resource>();
  for (const row of rows) {
    const known = old.get(row.id);
    if (known) {
      if (JSON.stringify(stable(known.row.peek())) !== JSON.stringify(stable(row))) known.row.value = row;
      if (row.last_seen >= known.live.peek().time) known.apply(liveOf(row));
    }
    if (!isSame) (next as Map<number, Resource>).set(row.id, known ?? new Resource(row));
  }
  if (!isSame) fleet.value = next;
  isLoaded.value = true;
}

/** What of a row does not change with every sample. */
function stable(row: ResourceRow): unknown {
  return [row.key, row.name, row.kind, row.parent, row.attributes, row.agent, row.interval_ms];
}

/** Takes in the overview room. Returns false when it spoke of a resource that is not known yet. */
export function apply(payload: OverviewPayload): boolean {
  let isKnown = true;
  for (const row of payload.resources) {
    const resource = fleet.peek().get(row.id);
    if (resource) resource.apply(liveFrom(row));
    else isKnown = false;
  }
  return isKnown;
}

/** Takes in the history of all resources for the sparklines. */
export function loadHistory(answer: HistoryAnswer): void {
  for (const series of answer.series) {
    const resource = fleet.peek().get(series.resource);
    if (!resource) continue;
    const step = stepFor(answer.to - answer.from, TREND_POINTS, Math.max(answer.step, resource.row.peek().interval_ms));
    const sums = new Columns(step, (answer.to - answer.from) / step, 2, answer.to);
    for (const [time, value] of series.cpu_ratio) highest(sums, CPU, time, value);
    for (const [time, value] of series.memory_ratio) highest(sums, MEMORY, time, value);
    resource.trend = sums;
    resource.trendTick.value += 1;
  }
}

/** Several points may fall into one row; the largest stays, so that no peak is lost. */
function highest(columns: Columns, column: number, time: number, value: number | null): void {
  if (value === null) return;
  const row = Math.round((Columns.bucket(time, columns.step) - columns.start) / columns.step);
  const old = columns.at(column, row);
  columns.put(column, time, Number.isNaN(old) ? value : Math.max(old, value));
}

/** Forgets everything: another user may see other resources. */
export function clear(): void {
  fleet.value = new Map();
  isLoaded.value = false;
}
