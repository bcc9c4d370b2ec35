// From a chart to a new rule: the editor opens with the metric, the resource and the attributes of what the chart draws.

import type { ChartSpec } from '../chart/spec';
import { format } from '../state/route';

/** An address that holds more than these is too long for some proxies. */
const SERIES_MAX = 40;

/** Opens the editor for what a chart of a resource draws. */
export function createAlert(resource: number, spec: ChartSpec): void {
  const line = spec.lines.find(({ role }) => role !== 'limit' && role !== 'event');
  const params = new URLSearchParams({
    new: '1',
    resource: String(resource),
    metric: spec.metrics[0] ?? '',
    series: (line?.plus ?? []).slice(0, SERIES_MAX).join(),
  });
  location.hash = format('/rules', params).slice(1);
}

/** The same for a widget, that knows its metrics by name. */
export function createAlertOf(metric: string, resource: number | null, attributes: Record<string, string>): void {
  const params = new URLSearchParams({ new: '1', metric });
  if (resource !== null) params.set('resource', String(resource));
  for (const [key, value] of Object.entries(attributes)) params.append('attribute', `${key}=${value}`);
  location.hash = format('/rules', params).slice(1);
}
