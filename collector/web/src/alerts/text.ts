// Alerts, causes and what happened to an incident, in words.

import type { Alert, Cause, Delivery, IncidentLine } from '../api/alerts';
import { num, span } from '../i18n/format';
import * as clock from '../live/clock';
import { alertUnit, amount, seconds } from './amount';
import { ruleName } from './names';
import { a } from './words';

/** What an alert says: its rule's message, else the rule's name. */
export function title(alert: Pick<Alert, 'message' | 'name'>): string {
  return alert.message === null || alert.message === '' ? ruleName(alert.name) : alert.message;
}

/** The resource, and what of it. */
export function place(alert: Pick<Alert, 'resource' | 'resource_name' | 'attributes'>): string {
  const values = Object.values(alert.attributes).filter((value) => value !== '');
  return [alert.resource_name ?? `#${alert.resource}`, ...values].join(' · ');
}

/** What is judged, shortly. */
export function watched(alert: Pick<Alert, 'metric'>): string {
  const m = a.value;
  const words: Record<string, string> = { events: m.ofEvents, logs: m.ofLogs, silence: m.ofSilence };
  return words[alert.metric] ?? alert.metric;
}

export function sign(isBelow: boolean): string {
  return isBelow ? '<' : '>';
}

export function value(alert: Alert): string {
  return amount(alert.value, alertUnit(alert.unit, alert.metric));
}

/** "> 80%"; empty where there is no threshold. */
export function threshold(alert: Alert): string {
  if (alert.threshold === null) return '';
  return `${sign(alert.below)} ${amount(alert.threshold, alertUnit(alert.unit, alert.metric))}`;
}

/** How long it has lasted, or did. */
export function lasted(alert: Pick<Alert, 'fired' | 'resolved'>, now = clock.now()): string {
  return span(Math.max(0, (alert.resolved ?? now) - alert.fired));
}

export function subtitle(alert: Alert): string {
  return a.value.subtitle(place(alert), watched(alert), value(alert), threshold(alert));
}

/** "system.cpu.utilization > 80% for 5 min". */
export function condition(alert: Alert): string {
  const limit = threshold(alert);
  const what = watched(alert);
  if (limit === '') return what;
  return alert.for_s > 0 ? a.value.conditionFor(what, limit, seconds(alert.for_s)) : `${what} ${limit}`;
}

export function levelWord(level: string): string {
  return level === 'critical' ? a.value.critical : level === 'warning' ? a.value.warning : a.value.over;
}

/** The likely cause with its distance to what it caused. */
export function causeText(cause: Cause, onset: number): string {
  const m = a.value;
  // What goes back to an alert is named by its rule.
  const what = cause.alert === null ? cause.what : ruleName(cause.what);
  const texts: Record<Cause['kind'], () => string> = {
    alert: () => m.causeAlert(what, cause.resource),
    deploy: () => m.causeDeploy(cause.what, cause.resource),
    restart: () => m.causeRestart(cause.resource),
    oom: () => m.causeOom(cause.resource),
    host: () => m.causeHost(cause.resource),
    dependency: () => m.causeDependency(what, cause.resource),
    network: () => m.causeNetwork,
  };
  const before = onset - cause.at_ms;
  // A collector newer than this page may know more kinds.
  const text = (texts as Partial<typeof texts>)[cause.kind]?.() ?? cause.what;
  return before >= 1_000 ? m.causeBefore(text, span(before)) : text;
}

const REASONS: Record<
  string,
  'reasonOpened' | 'reasonUpdated' | 'reasonReminder' | 'reasonEscalated' | 'reasonResolved' | 'reasonTest'
> = {
  opened: 'reasonOpened',
  updated: 'reasonUpdated',
  reminder: 'reasonReminder',
  escalated: 'reasonEscalated',
  resolved: 'reasonResolved',
  test: 'reasonTest',
};

export function reasonWord(reason: string): string {
  const key = REASONS[reason];
  return key === undefined ? reason : a.value[key];
}

export function deliveryWord(state: Delivery['state']): string {
  const m = a.value;
  return { waiting: m.stateWaiting, sent: m.stateSent, failed: m.stateFailed, dead: m.stateDead }[state];
}

/** A line of the incident's timeline. */
export function lineText(line: IncidentLine, rows: readonly Alert[], names: ReadonlyMap<string, string>): string {
  const m = a.value;
  const alert = rows.find(({ id }) => id === line.alert);
  const name = ruleName(line.name ?? alert?.name ?? '');
  const where = line.resource ?? (alert ? place(alert) : '');
  const what = [name, where].filter((part) => part !== '').join(', ');
  const unit = alertUnit(line.unit ?? alert?.unit ?? '', line.metric ?? alert?.metric ?? '');
  const figure = typeof line.value === 'number' ? amount(line.value, unit) : '';
  const known = line.channel == null ? undefined : names.get(line.channel);
  const whom = line.channel_name ?? known ?? line.channel ?? '';
  const texts: Record<string, () => string> = {
    pending: () => m.linePending(what, figure),
    fired: () => m.lineFired(what, figure),
    worse: () => m.lineWorse(what, figure),
    better: () => m.lineBetter(what, figure),
    resolved: () => m.lineResolved(what),
    told: () => (line.reason == null ? m.lineTold(whom) : `${m.lineTold(whom)} (${reasonWord(line.reason)})`),
    reminded: () => m.lineReminded(whom),
    escalated: () => m.lineEscalated(whom),
    delivered: () => m.lineDelivered(whom),
    failed: () => m.lineFailed(whom, line.detail ?? ''),
    acknowledged: () => m.lineAcknowledged(line.by ?? ''),
    unacknowledged: () => m.lineUnacknowledged(line.by ?? ''),
    silenced: () => m.lineSilenced(what, line.reason ?? line.detail ?? ''),
    cause: () => m.lineCause(line.cause ? causeText(line.cause, line.cause.at_ms) : (line.detail ?? what)),
    closed: () => m.lineClosed,
  };
  return texts[line.kind]?.() ?? [line.kind, line.detail ?? what].filter(Boolean).join(': ');
}

/** "3 alerts", in the form of the language. */
export function countAlerts(count: number): string {
  return a.value.countAlerts(num(count), count);
}
