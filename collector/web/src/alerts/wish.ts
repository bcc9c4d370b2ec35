// The draft of a new rule for what a link names: a metric, a resource, and the series that a chart drew.

import { boards, type MetricRow } from '../api/boards';
import { api } from '../api/client';
import { isRateKind } from '../boards/units';
import { fleet } from '../live/fleet';
import { emptyDraft, type Draft } from './draft';

/** More values than this are no list that somebody reads. */
const VALUES_MAX = 5;

type Row = MetricRow & { id?: number };

/** The words that tell some series of a metric from its others. */
export function tellingWords(mine: readonly Row[], all: readonly Row[]): string[] {
  const keys = new Set(mine.flatMap(({ attributes }) => Object.keys(attributes)));
  const words: string[] = [];
  for (const key of [...keys].sort()) {
    const wanted = [...new Set(mine.map(({ attributes }) => attributes[key] ?? ''))].sort();
    const others = all.some(({ attributes }) => !wanted.includes(attributes[key] ?? ''));
    if (others && wanted.length <= VALUES_MAX && !wanted.includes('')) words.push(`${key}=${wanted.join('|')}`);
  }
  return words;
}

/** What the address asks for, as far as it is still there. */
export async function wished(params: URLSearchParams, signal: AbortSignal): Promise<Draft> {
  const draft = emptyDraft();
  const resource = Number(params.get('resource'));
  const row = fleet.peek().get(resource)?.row.peek();
  if (row) draft.scope = { ...draft.scope, kind: row.kind, name: row.name };
  const metric = params.get('metric') ?? '';
  draft.attributes = params.getAll('attribute');
  if (metric === '') return draft;
  const rows: readonly Row[] = resource > 0 ? await api.series(resource, signal) : await boards.series([], signal);
  const ids = new Set((params.get('series') ?? '').split(',').map(Number));
  const drawn = rows.filter(({ id }) => id !== undefined && ids.has(id));
  const first = drawn[0] ?? rows.find((one) => one.metric === metric);
  if (!first) return { ...draft, metric };
  const all = rows.filter((one) => one.metric === first.metric);
  const mine = drawn.filter((one) => one.metric === first.metric);
  if (mine.length > 0) draft.attributes = tellingWords(mine, all);
  return {
    ...draft,
    metric: first.metric,
    unit: first.unit,
    aggregate: isRateKind(first.kind) ? 'rate' : 'mean',
  };
}
