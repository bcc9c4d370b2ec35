// Which metrics there are for a rule to judge, with their units and attributes. Asked for when the rules are opened.

import { computed, signal } from '@preact/signals';

import { boards, type MetricRow } from '../api/boards';
import { refusal } from '../cache/refusal';

/** Null until they are known. */
export const metricRows = signal<readonly MetricRow[] | null>(null);
export const metricsFailure = signal<string | null>(null);

export async function reloadMetrics(): Promise<void> {
  try {
    metricRows.value = await boards.series([]);
    metricsFailure.value = null;
  } catch (error) {
    metricsFailure.value = refusal(error);
  }
}

interface Known {
  unit: string;
  kind: string;
  /** Values by attribute. */
  attributes: Map<string, Set<string>>;
}

const byName = computed(() => {
  const found = new Map<string, Known>();
  for (const { metric, unit, kind, attributes } of metricRows.value ?? []) {
    let known = found.get(metric);
    if (!known) found.set(metric, (known = { unit, kind, attributes: new Map() }));
    for (const [key, value] of Object.entries(attributes)) {
      const values = known.attributes.get(key) ?? new Set();
      known.attributes.set(key, values.add(value));
    }
  }
  return found;
});

export const metricNames = computed(() => [...byName.value.keys()].sort((a, b) => a.localeCompare(b)));

/** Shares that rules are made of before their first sample has come. */
const SHARE = /(ratio|utilization)$/;

/** The unit of a metric; a guess by the name while it is not known. */
export function unitOfMetric(name: string): string {
  return byName.value.get(name)?.unit ?? (SHARE.test(name) ? '1' : '');
}

export function kindOfMetric(name: string): string {
  return byName.value.get(name)?.kind ?? '';
}

export function attributeKeys(name: string): string[] {
  return [...(byName.value.get(name)?.attributes.keys() ?? [])].sort();
}

/** "key=value" of all that is known of a metric. */
export function attributeWords(name: string): string[] {
  const words: string[] = [];
  for (const [key, values] of byName.value.get(name)?.attributes ?? []) {
    for (const value of [...values].sort()) words.push(`${key}=${value}`);
  }
  return words;
}
