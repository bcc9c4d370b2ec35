// Charts of Farol's own parts: a collector that watches itself, an agent that reports on itself.

import type { SeriesRow } from '../api/types';
import { matcher, type ChartSpec, type Line } from '../chart/spec';
import { axisBytes, axisNumber, bytes, num, short } from '../i18n/format';
import { t } from '../i18n/index';

interface Own {
  key: string;
  title: string;
  note?: string;
  metric: string;
  label: string;
  isBytes?: boolean;
}

function own(series: readonly SeriesRow[], { key, title, note, metric, label, isBytes = false }: Own): ChartSpec[] {
  const plus = matcher(series)(metric);
  if (plus.length === 0) return [];
  const line: Line = { key, label, color: '--s1', plus, role: 'line', isFilled: true };
  return [
    {
      key,
      title,
      ...(note === undefined ? {} : { note }),
      metrics: [metric],
      lines: [line],
      axis: isBytes ? axisBytes : axisNumber,
      value: isBytes ? bytes : (v) => (Number.isInteger(v) ? num(v) : short(v)),
      base: isBytes ? 2 : 10,
    },
  ];
}

/** What the collector says of itself; empty for every other resource. */
export function collectorCharts(series: readonly SeriesRow[]): ChartSpec[] {
  const m = t.value;
  return [
    ...own(series, {
      key: 'cpu',
      title: m.ownCpu,
      note: m.unitCores,
      metric: 'farol.collector.cpu.time',
      label: m.cpu,
    }),
    ...own(series, {
      key: 'memory',
      title: m.ownMemory,
      metric: 'farol.collector.memory.usage',
      label: m.memory,
      isBytes: true,
    }),
    ...own(series, {
      key: 'samples',
      title: m.ownSamples,
      note: m.perSecond,
      metric: 'farol.collector.ingest.samples',
      label: m.ownStored,
    }),
    ...own(series, {
      key: 'history',
      title: m.ownHistory,
      metric: 'farol.collector.store.bytes',
      label: m.disk,
      isBytes: true,
    }),
    ...own(series, {
      key: 'listeners',
      title: m.ownListeners,
      metric: 'farol.collector.push.listeners',
      label: m.ownOpen,
    }),
  ];
}
