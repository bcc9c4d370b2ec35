// Which service and tenant the pages about applications show, and which stretch of time: all of it stands in the address.

import { computed } from '@preact/signals';

import type { Scope } from '../api/client';
import { fleet, type Resource } from '../live/fleet';
import { range, route, zoom } from './route';

const MINUTE = 60_000;
const HOUR = 3_600_000;

export const service = computed<number | null>(() => {
  const id = Number(route.value.params.get('service'));
  return Number.isInteger(id) && id > 0 ? id : null;
});

export const tenant = computed<string | null>(() => route.value.params.get('tenant'));

/** Whether a resource stands for a service as a whole. What runs on a machine, as the collector does, is a process there. */
export function isService(resource: Resource): boolean {
  const { kind, parent } = resource.row.value;
  return kind === 'service' && parent === null;
}

/** Every service that was heard of, by name. */
export const services = computed<Resource[]>(() =>
  [...fleet.value.values()].filter(isService).sort((a, b) => serviceName(a).localeCompare(serviceName(b))),
);

/** The name of a service, with its environment where it has one. */
export function serviceName(resource: Resource): string {
  const { name, attributes } = resource.row.value;
  const environment = attributes['deployment.environment.name'] ?? '';
  return environment === '' ? name : `${name} (${environment})`;
}

/** The name of the resource with a number, if it is known. */
export function nameOf(id: number): string {
  const resource = fleet.value.get(id);
  return resource ? serviceName(resource) : `#${id}`;
}

export interface Shown {
  /** Changes exactly when something else is to be asked for. */
  key: string;
  ms: number;
  /** Whether it ends now. */
  isLive: boolean;
  /** How often a live stretch is worth asking for again, in milliseconds; null for the past. */
  every: number | null;
  at: (now: number) => { from: number; to: number };
}

/** A long stretch changes little from second to second, and costs more. */
export function everyMs(ms: number): number {
  if (ms <= HOUR) return 5_000;
  return ms <= 24 * HOUR ? 15_000 : MINUTE;
}

/** The stretch of time on the page: the range, or the zoom within it. */
export const shown = computed<Shown>(
  () => {
    const chosen = range.value;
    const fixed = zoom.value ?? (chosen.kind === 'between' ? chosen : null);
    if (fixed) {
      const { from, to } = fixed;
      return { key: `${from}-${to}`, ms: to - from, isLive: false, every: null, at: () => ({ from, to }) };
    }
    const ms = chosen.kind === 'last' ? chosen.ms : 0;
    return { key: `last ${ms}`, ms, isLive: true, every: everyMs(ms), at: (now) => ({ from: now - ms, to: now }) };
  },
  { name: 'shown' },
);

/** What is asked for at a moment. */
export function scopeAt(now: number): Scope {
  return { ...shown.peek().at(now), service: service.peek(), tenant: tenant.peek() };
}

/** The identity of the scope. */
export const scopeKey = computed(() => [shown.value.key, service.value ?? '', tenant.value ?? ''].join('|'));
