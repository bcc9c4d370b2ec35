// The choices of an export, and the order that comes of them.

import type { ExportFormat, ExportOrder } from '../api/export';
import { clockSpan, type Period } from './period';

export interface Form {
  format: ExportFormat;
  period: Period;
  metrics: string[];
  /** Numbers of resources, as text. */
  resources: string[];
  attributes: Record<string, string>;
  aggregate: string;
  step: string;
  layout: 'long' | 'wide';
  decimal: '.' | ',';
  zone: string;
}

/** Steps that make sense in a file; the collector writes a day as a day of the zone. */
export const STEPS = ['1s', '10s', '1m', '5m', '15m', '1h', '1d'] as const;

/** What is asked for at a moment. */
export function orderOf(form: Form, now: number): ExportOrder {
  const { from, to } = clockSpan(form.period, now);
  return {
    format: form.format,
    from,
    to,
    metrics: form.metrics,
    resources: form.resources,
    ...(Object.keys(form.attributes).length > 0 ? { attributes: form.attributes } : {}),
    ...(form.step === '' ? {} : { step: form.step }),
    ...(form.aggregate === '' ? {} : { aggregate: form.aggregate }),
    // Only a spreadsheet has columns and a decimal sign of its own.
    ...(form.format === 'csv' ? { layout: form.layout, decimal: form.decimal } : {}),
    ...(form.zone === '' ? {} : { zone: form.zone }),
  };
}

/** The same by a program: the token takes the cookie's place. */
export function apiCall(url: string, format: ExportFormat, token: string): string {
  return `curl -H 'Authorization: Bearer ${token}' \\\n  '${url.replaceAll("'", '%27')}' \\\n  -o farol.${format}`;
}
