// Which metrics there are to choose from: stored series and the collector's own figures, by name.

import { boards, type MetricRow } from '../api/boards';
import { isRateKind } from './units';

export interface Metric {
  name: string;
  unit: string;
  /** How many series it has; null for a figure that the collector makes. */
  series: number | null;
  resources: ReadonlySet<number>;
  /** Values by attribute, as far as there are several. */
  attributes: ReadonlyMap<string, readonly string[]>;
}

/** A list of values beyond this is no choice. */
const VALUES_MAX = 200;

/** One entry a metric. */
export function metricsOf(rows: readonly MetricRow[]): Metric[] {
  const byName = new Map<string, MetricRow[]>();
  for (const row of rows) {
    const list = byName.get(row.metric);
    if (list) list.push(row);
    else byName.set(row.metric, [row]);
  }
  return [...byName.entries()]
    .map(([name, list]): Metric => {
      const values = new Map<string, Set<string>>();
      for (const { attributes } of list) {
        for (const [key, value] of Object.entries(attributes)) {
          const known = values.get(key) ?? new Set();
          values.set(key, known.add(value));
        }
      }
      const several = [...values].filter(([, found]) => found.size > 1);
      const first = list[0];
      return {
        name,
        unit: (first?.unit ?? '') + (isRateKind(first?.kind) ? '/s' : ''),
        series: list.length,
        resources: new Set(list.map(({ resource }) => resource)),
        attributes: new Map(several.map(([key, found]) => [key, [...found].sort().slice(0, VALUES_MAX)])),
      };
    })
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** Everything to choose from. A collector without figures of its own has series all the same. */
export async function allMetrics(signal: AbortSignal): Promise<Metric[]> {
  const [series, figures] = await Promise.all([
    boards.series([], signal),
    boards.figures('1h', signal).catch(() => null),
  ]);
  const made = Object.entries(figures?.metrics ?? {}).map(([name, { unit }]): Metric => ({
    name,
    unit,
    series: null,
    resources: new Set(),
    attributes: new Map(),
  }));
  return [...made, ...metricsOf(series)];
}

/** Those whose name has all words of a query. */
export function findMetrics(all: readonly Metric[], query: string): Metric[] {
  const words = query
    .trim()
    .toLowerCase()
    .split(/[\s.]+/)
    .filter(Boolean);
  return all.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
}
