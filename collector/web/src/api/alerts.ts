// What the API says of alerts, incidents, rules, silences and channels, and every request about them.

import { get, search, send } from './client';

export type AlertLevel = 'warning' | 'critical';

/** Who said that somebody looks after it, and when. */
export interface Acknowledged {
  by: string;
  at: number;
}

export interface Alert {
  id: number;
  /** Word of its rule. */
  rule: string;
  name: string;
  level: AlertLevel;
  state: 'firing' | 'resolved';
  resource: number;
  resource_name: string | null;
  kind: string | null;
  service: string | null;
  environment: string | null;
  tenant: string | null;
  attributes: Record<string, string>;
  /** `events`, `logs` and `silence` where it is no series. */
  metric: string;
  unit: string;
  value: number | null;
  threshold: number | null;
  below: boolean;
  for_s: number;
  /** Since when the condition held; it fired later by the rule's `for`. */
  onset: number;
  fired: number;
  resolved: number | null;
  peak: number | null;
  incident: number;
  silenced: boolean;
  /** It follows from another alert of its incident and is not told by itself. */
  held?: boolean;
  acknowledged: Acknowledged | null;
  message: string | null;
  runbook: string | null;
}

export interface AlertsAnswer {
  /** Newest first. */
  alerts: Alert[];
  open: { critical: number; warning: number };
}

export interface PendingAlert {
  rule: string;
  name: string;
  level: AlertLevel;
  resource: number;
  resource_name: string | null;
  attributes: Record<string, string>;
  value: number | null;
  threshold: number | null;
  onset: number;
  /** When it fires unless it is over before. */
  due: number;
}

export type CauseKind = 'alert' | 'deploy' | 'restart' | 'oom' | 'host' | 'dependency' | 'network';

export interface Cause {
  kind: CauseKind;
  at_ms: number;
  resource: string;
  what: string;
  alert: number | null;
}

/** One thing that happened to an incident. Which fields there are depends on the kind. */
export interface IncidentLine {
  time: number;
  kind: string;
  alert?: number | null;
  name?: string | null;
  resource?: string | null;
  level?: string | null;
  value?: number | null;
  threshold?: number | null;
  unit?: string | null;
  metric?: string | null;
  channel?: string | null;
  channel_name?: string | null;
  by?: string | null;
  reason?: string | null;
  detail?: string | null;
  cause?: Cause | null;
}

export type DeliveryState = 'waiting' | 'sent' | 'failed' | 'dead';

export interface Delivery {
  id: number;
  channel: string;
  channel_name: string | null;
  incident: number | null;
  /** `opened`, `updated`, `reminder`, `escalated`, `resolved` or `test`. */
  reason: string;
  state: DeliveryState;
  attempts: number;
  created: number;
  next: number | null;
  done: number | null;
  detail: string;
}

export interface Incident {
  id: number;
  level: AlertLevel;
  state: 'open' | 'closed';
  opened: number;
  closed: number | null;
  title: { rule: string; name: string; resource: string | null };
  tenant: string | null;
  alerts: number;
  firing: number;
  held: number;
  cause: Cause | null;
  acknowledged: Acknowledged | null;
  silenced: boolean;
}

export interface IncidentDetail extends Omit<Incident, 'alerts'> {
  alerts: Alert[];
  lines: IncidentLine[];
  deliveries: Delivery[];
}

/** Of which resources; all when empty. Names are patterns. */
export interface Scope {
  kind?: string;
  name?: string;
  service?: string;
  environment?: string;
}

export type Aggregate =
  'mean' | 'max' | 'min' | 'sum' | 'count' | 'last' | 'rate' | 'increase' | 'quantile' | 'until' | 'absent';

export type Against = 'nothing' | 'yesterday' | 'last_week' | 'usual';

export interface SeriesCondition {
  type: 'series';
  metric: string;
  attributes?: string[];
  resources?: Scope;
  /** Which attributes keep series apart; all when absent. */
  by?: string[];
  divided_by?: { metric: string; attributes?: string[] };
  aggregate: Aggregate;
  quantile?: number;
  window_s: number;
  comparison?: 'above' | 'below';
  against?: Against;
}

export interface EventCondition {
  type: 'events';
  kinds?: string[];
  words?: string[];
  resources?: Scope;
  window_s: number;
}

export interface LogCondition {
  type: 'logs';
  words?: string[];
  level?: string;
  resources?: Scope;
  window_s: number;
}

export interface SilentCondition {
  type: 'silent';
  resources?: Scope;
}

export type Condition = SeriesCondition | EventCondition | LogCondition | SilentCondition;

export interface Rule {
  id: string;
  name: string;
  enabled: boolean;
  tenant?: string;
  condition: Condition;
  warning?: number;
  critical?: number;
  for_s: number;
  recovery: number;
  resolve_after_s: number;
  no_data_s?: number;
  channels: string[];
  remind_s?: number;
  message?: string;
  runbook?: string;
}

export type RuleOrigin = 'builtin' | 'changed' | 'file' | 'own';

export interface RuleRow {
  rule: Rule;
  origin: RuleOrigin;
  firing: number;
  pending: number;
  /** Goes up with every change; a change has to name the one that it was made on. */
  revision: number;
  updated_by: string | null;
  updated: number | null;
}

export interface Firing {
  resource: number;
  resource_name: string | null;
  attributes: Record<string, string>;
  level: AlertLevel;
  from: number;
  to: number | null;
  peak: number | null;
}

export interface BackTest {
  from: number;
  to: number;
  /** Whether every sample was judged; else means of minutes were, where samples are gone. */
  exact: boolean;
  firings: Firing[];
  count: number;
  firing_s: number;
  notifications: number;
  others: { for_s: number; count: number; notifications: number }[];
  suggestion: { warning: number; critical: number } | null;
  line: { unit: string; resource_name: string | null; points: [number, number | null][] } | null;
  subjects: number;
}

/** Every week: days 1 (Monday) to 7, from and to as "02:00", minutes from UTC. */
export interface Weekly {
  days: number[];
  start: string;
  end: string;
  offset_min: number;
}

export interface Silence {
  id: number;
  /** `key=pattern`. */
  matchers: string[];
  reason: string;
  from: number;
  until: number;
  weekly: Weekly | null;
  state: 'active' | 'planned' | 'over';
  by: string;
  created: number;
  /** Notices that it held back. */
  held: number;
  /** Open alerts that it is about now. */
  matching: number;
}

export interface SilenceOrder {
  matchers: string[];
  reason: string;
  from?: number;
  until: number;
  weekly?: Weekly;
}

export type ChannelKind =
  'email' | 'slack' | 'discord' | 'telegram' | 'whatsapp' | 'teams' | 'ntfy' | 'pagerduty' | 'webhook';

export interface QuietHours {
  start: string;
  end: string;
  offset_min: number;
  /** Every day when there is none. */
  days?: number[];
  /** Whether critical ones go through. */
  critical?: boolean;
}

/** A secret is told as `{"set": true}` only, and kept when it is sent back so. */
export type Setting = string | number | boolean | string[] | Record<string, string> | { set: boolean };

export interface Channel {
  id: string;
  name: string;
  kind: ChannelKind;
  enabled: boolean;
  origin: 'own' | 'file';
  tenant: string | null;
  language: 'pt-BR' | 'en';
  min_level: AlertLevel;
  quiet: QuietHours | null;
  fallback: string | null;
  escalate_to: string | null;
  escalate_after_s?: number | null;
  /** Minutes that its readers' clocks are ahead of UTC, when it says so itself. */
  offset_min?: number | null;
  settings: Record<string, Setting>;
  /** Why it cannot be used, when it cannot. */
  broken?: string | null;
  last: { state: DeliveryState; at: number; detail: string } | null;
  waiting: number;
}

export type ChannelOrder = Omit<Channel, 'id' | 'origin' | 'broken' | 'last' | 'waiting'> & { id?: string };

export interface Tried {
  delivered: boolean;
  detail: string;
}

type Range = { from?: number; to?: number };

export type AlertQuestion = Range & {
  state?: 'open' | 'resolved' | 'all';
  level?: AlertLevel | null;
  service?: string | null;
  resource?: number | null;
  limit?: number;
  before?: number | null;
};

const V1 = 'api/v1';
const one = (list: string, id: string | number) => `${V1}/${list}/${encodeURIComponent(String(id))}`;
const asked = (parts: Record<string, string | number | null | undefined>) =>
  search(Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, value ?? null])));

export const alerts = {
  list: (question: AlertQuestion, signal?: AbortSignal) => get<AlertsAnswer>(`${V1}/alerts?${asked(question)}`, signal),
  pending: async (signal?: AbortSignal) =>
    (await get<{ pending: PendingAlert[] }>(`${V1}/alerts/pending`, signal)).pending,
  incident: (id: number, signal?: AbortSignal) => get<IncidentDetail>(one('incidents', id), signal),
  acknowledge: (incident: number) => send<Incident>('POST', `${one('incidents', incident)}/acknowledge`),
  unacknowledge: (incident: number) => send<Incident>('POST', `${one('incidents', incident)}/unacknowledge`),
};

export const rules = {
  list: async (signal?: AbortSignal) => (await get<{ rules: RuleRow[] }>(`${V1}/rules`, signal)).rules,
  create: (rule: Rule) => send<RuleRow>('POST', `${V1}/rules`, rule),
  save: (rule: Rule, revision: number) => send<RuleRow>('PUT', one('rules', rule.id), { rule, revision }),
  remove: (id: string) => send<undefined>('DELETE', one('rules', id)),
  backTest: (order: { rule: Rule; days?: number; resource?: number }) =>
    send<BackTest>('POST', `${V1}/rules/back-test`, order),
};

export const silences = {
  list: async (signal?: AbortSignal) => (await get<{ silences: Silence[] }>(`${V1}/silences`, signal)).silences,
  create: (order: SilenceOrder) => send<Silence>('POST', `${V1}/silences`, order),
  end: (id: number) => send<undefined>('DELETE', one('silences', id)),
};

export const channels = {
  list: async (signal?: AbortSignal) => (await get<{ channels: Channel[] }>(`${V1}/channels`, signal)).channels,
  create: (order: ChannelOrder) => send<Channel>('POST', `${V1}/channels`, order),
  save: (id: string, order: ChannelOrder) => send<Channel>('PUT', one('channels', id), order),
  remove: (id: string) => send<undefined>('DELETE', one('channels', id)),
  test: (id: string) => send<Tried>('POST', `${one('channels', id)}/test`),
  tryOut: (order: ChannelOrder) => send<Tried>('POST', `${V1}/channels/test`, order),
  deliveries: async (
    question: { channel?: string; incident?: number; limit?: number; before?: number | null },
    signal?: AbortSignal,
  ) => (await get<{ deliveries: Delivery[] }>(`${V1}/deliveries?${asked(question)}`, signal)).deliveries,
};
