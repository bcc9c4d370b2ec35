// The history as a file for spreadsheets: times in ISO form, numbers with a point, one line an alert.

import type { Alert } from '../api/alerts';

const COLUMNS = [
  'id', 'rule', 'name', 'level', 'state', 'resource', 'attributes', 'service', 'environment', 'tenant', 'metric', 'unit',
  'value', 'threshold', 'peak', 'onset', 'fired', 'resolved', 'duration_s', 'acknowledged_by', 'acknowledged_at', 'silenced',
  'held', 'incident',
] as const; // prettier-ignore

/** What begins like a formula would be run by a spreadsheet that opens the file. */
const FORMULA = /^[=+\-@\t\r]/;

function cell(value: string | number | boolean | null): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

function line(alert: Alert): string {
  const { acknowledged: who, attributes, fired, resolved } = alert;
  const values: Record<(typeof COLUMNS)[number], string | number | boolean | null> = {
    id: alert.id,
    rule: alert.rule,
    name: alert.name,
    level: alert.level,
    state: alert.state,
    resource: alert.resource_name ?? alert.resource,
    attributes: Object.entries(attributes)
      .map(([key, value]) => `${key}=${value}`)
      .join(' '),
    service: alert.service,
    environment: alert.environment,
    tenant: alert.tenant,
    metric: alert.metric,
    unit: alert.unit,
    value: alert.value,
    threshold: alert.threshold,
    peak: alert.peak,
    onset: time(alert.onset),
    fired: time(fired),
    resolved: time(resolved),
    duration_s: resolved === null ? null : Math.round((resolved - fired) / 1000),
    acknowledged_by: who?.by ?? null,
    acknowledged_at: time(who?.at ?? null),
    silenced: alert.silenced,
    held: alert.held === true,
    incident: alert.incident,
  };
  return COLUMNS.map((name) => cell(values[name])).join(',');
}

export function csv(rows: readonly Alert[]): string {
  return [COLUMNS.join(','), ...rows.map(line), ''].join('\r\n');
}

/** Gives a text to the browser as a file. */
export function offer(text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = 'farol-alerts.csv';
  link.click();
  // After the browser has begun to read it.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
