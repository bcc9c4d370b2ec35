// The alerts of a resource as bands for its charts.

import { useMemo } from 'preact/hooks';

import { alerts, type Alert } from '../api/alerts';
import type { Band } from '../chart/bands';
import { hhmm } from '../i18n/format';
import { lang } from '../i18n/index';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { service, services, shown } from '../state/scope';
import { changed, openAlerts } from './source';
import { title } from './text';
import { a } from './words';

/** More bands than this are one tint. */
const BANDS_MAX = 100;

const NONE: readonly Band[] = [];

export function bandOf(alert: Alert): Band {
  const { onset, resolved, level } = alert;
  const text = a.peek().bandText(title(alert), hhmm(onset), resolved === null ? '' : hhmm(resolved));
  return { from: onset, to: resolved, level, text };
}

/** Those of the stretch that the page shows; null asks for nothing. A failure leaves the charts without, and no more. */
export function useBands(resource: number | null): readonly Band[] {
  const key = resource === null ? 'none' : `${resource} ${shown.value.key} ${changed.value}`;
  const { data } = useAnswer<readonly Alert[]>(key, null, async (signal) => {
    if (resource === null) return [];
    const { from, to } = shown.peek().at(clock.now());
    return (await alerts.list({ state: 'all', resource, from, to, limit: BANDS_MAX }, signal)).alerts;
  });
  const open = openAlerts.value;
  return useMemo(() => {
    // What began before the stretch and still goes on belongs into it.
    const all = new Map((data ?? []).map((alert) => [alert.id, alert]));
    for (const alert of open ?? []) if (alert.resource === resource) all.set(alert.id, alert);
    return all.size === 0 ? NONE : [...all.values()].map(bandOf);
  }, [data, open, resource, lang.value]);
}

/** Those of the service that the page is about: the chosen one, or the only one. */
export function useServiceBands(): readonly Band[] {
  const [first, ...others] = services.value;
  return useBands(service.value ?? (others.length === 0 ? (first?.id ?? null) : null));
}
