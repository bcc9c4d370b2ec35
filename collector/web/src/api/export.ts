// Exporting series: what is asked for, how large it would be, and the address under which the browser fetches the file.

import { address, get } from './client';

export type ExportFormat = 'csv' | 'json' | 'ndjson';

export interface ExportOrder {
  format: ExportFormat;
  from: number;
  to: number;
  metrics: readonly string[];
  /** Numbers or keys of resources; none means all. */
  resources: readonly (number | string)[];
  attributes?: Record<string, string>;
  /** "1m", "1d"; what suits the period when absent. */
  step?: string;
  aggregate?: string;
  /** Of CSV. */
  layout?: 'long' | 'wide';
  decimal?: '.' | ',';
  /** Of the written times. */
  zone?: string;
}

/** An estimate made beforehand. */
export interface ExportSize {
  series: number;
  rows: number;
  bytes: number;
}

function query(order: ExportOrder): string {
  const params = new URLSearchParams({ format: order.format });
  params.set('from', String(Math.round(order.from)));
  params.set('to', String(Math.round(order.to)));
  params.set('metric', order.metrics.join());
  if (order.resources.length > 0) params.set('resource', order.resources.join());
  for (const [key, value] of Object.entries(order.attributes ?? {})) params.append('attribute', `${key}=${value}`);
  for (const name of ['step', 'aggregate', 'layout', 'decimal', 'zone'] as const) {
    const value = order[name];
    if (value !== undefined && value !== '') params.set(name, value);
  }
  return params.toString();
}

/** The path of the file. */
export function exportPath(order: ExportOrder): string {
  return `api/v1/export?${query(order)}`;
}

/** The whole address, under whatever prefix the page has. */
export function exportUrl(order: ExportOrder): string {
  return address(exportPath(order));
}

export function exportSize(order: ExportOrder, signal?: AbortSignal): Promise<ExportSize> {
  return get<ExportSize>(`api/v1/export/size?${query(order)}`, signal);
}
