// What a silence is about: words `key=pattern`, one of each key that there is; `*` stands for anything.

import type { Alert } from '../api/alerts';
import { fleet } from '../live/fleet';

export const MATCHER_KEYS = ['rule', 'resource', 'service', 'host', 'environment', 'tenant', 'level'] as const;
export type MatcherKey = (typeof MATCHER_KEYS)[number];

export function isMatcherKey(key: string): key is MatcherKey {
  return (MATCHER_KEYS as readonly string[]).includes(key);
}

/** Whether a name fits a pattern, whatever their case. */
export function fitsPattern(name: string, pattern: string): boolean {
  const parts = pattern.toLowerCase().split('*');
  const text = name.toLowerCase();
  const [first = '', ...rest] = parts;
  if (rest.length === 0) return text === first;
  if (!text.startsWith(first)) return false;
  const last = rest.pop() ?? '';
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

/** The machine that an alert's resource is, or runs on. */
function hostOf(resource: number): string {
  const row = fleet.peek().get(resource)?.row.peek();
  if (row === undefined) return '';
  return row.attributes['host.name'] ?? (row.kind === 'host' ? row.name : '');
}

function valueOf(alert: Alert, key: MatcherKey): string {
  const values: Record<MatcherKey, () => string> = {
    rule: () => alert.rule,
    resource: () => alert.resource_name ?? '',
    service: () => alert.service ?? '',
    host: () => hostOf(alert.resource),
    environment: () => alert.environment ?? '',
    tenant: () => alert.tenant ?? '',
    level: () => alert.level,
  };
  return values[key]();
}

/** Whether the words fit an alert: those of one key are alternatives, those of several keys must all fit. None fits nothing. */
export function matches(alert: Alert, matchers: readonly string[]): boolean {
  const byKey = new Map<string, boolean>();
  for (const word of matchers) {
    const cut = word.indexOf('=');
    const key = word.slice(0, cut);
    const isFit = isMatcherKey(key) && fitsPattern(valueOf(alert, key), word.slice(cut + 1));
    byKey.set(key, isFit || byKey.get(key) === true);
  }
  return byKey.size > 0 && [...byKey.values()].every(Boolean);
}

const VALUES_MAX = 200;

/** Values to choose from: of what is open and of what is known. */
export function offered(key: MatcherKey, open: readonly Alert[], rules: readonly string[]): string[] {
  if (key === 'level') return ['critical', 'warning'];
  const found = new Set<string>(key === 'rule' ? rules : []);
  for (const alert of open) found.add(valueOf(alert, key));
  for (const resource of fleet.peek().values()) {
    const { name, kind, tenant, attributes } = resource.row.peek();
    const values: Partial<Record<MatcherKey, string | null | undefined>> = {
      resource: name,
      host: attributes['host.name'] ?? (kind === 'host' ? name : null),
      service: attributes['service.name'] ?? (kind === 'service' ? name : null),
      environment: attributes['deployment.environment.name'],
      tenant,
    };
    found.add(values[key] ?? '');
  }
  found.delete('');
  return [...found].sort((x, z) => x.localeCompare(z)).slice(0, VALUES_MAX);
}
