// Alerts, causes and what happened to an incident, in words.

import type { Alert, Cause, Delivery, IncidentLine, Rule, Scope } from '../api/alerts';
import { num, short, span } from '../i18n/format';
import { t } from '../i18n/index';
import * as clock from '../live/clock';
import { alertUnit, amount, judgedUnit, seconds } from './amount';
import { a, r } from './words';

/** What an alert says: its rule's message, else the rule's name. */
export function title(alert: Pick<Alert, 'message' | 'name'>): string {
  return alert.message === null || alert.message === '' ? alert.name : alert.message;
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
  const texts: Record<Cause['kind'], () => string> = {
    alert: () => m.causeAlert(cause.what, cause.resource),
    deploy: () => m.causeDeploy(cause.what, cause.resource),
    restart: () => m.causeRestart(cause.resource),
    oom: () => m.causeOom(cause.resource),
    host: () => m.causeHost(cause.resource),
    dependency: () => m.causeDependency(cause.what, cause.resource),
    network: () => m.causeNetwork,
  };
  const before = onset - cause.at_ms;
  // A collector newer than this page may know more kinds.
  const text = (texts as Partial<typeof texts>)[cause.kind]?.() ?? cause.what;
  return before >= 1_000 ? m.causeBefore(text, span(before)) : text;
}

const REASONS: Record<string, 'reasonOpened' | 'reasonUpdated' | 'reasonReminder' | 'reasonEscalated' | 'reasonResolved' | 'reasonTest'> = {
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
export function lineText(line: IncidentLine, rows: readonly Alert[]): string {
  const m = a.value;
  const alert = rows.find(({ id }) => id === line.alert);
  const name = line.name ?? alert?.name ?? '';
  const where = line.resource ?? (alert ? place(alert) : '');
  const what = [name, where].filter((part) => part !== '').join(', ');
  const unit = alertUnit(line.unit ?? alert?.unit ?? '', line.metric ?? alert?.metric ?? '');
  const figure = typeof line.value === 'number' ? amount(line.value, unit) : '';
  const whom = line.channel_name ?? line.channel ?? '';
  const texts: Record<string, () => string> = {
    pending: () => m.linePending(what, figure),
    fired: () => m.lineFired(what, figure),
    worse: () => m.lineWorse(what, figure),
    better: () => m.lineBetter(what, figure),
    resolved: () => m.lineResolved(what),
    told: () => m.lineTold(whom),
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

/** Of which resources, in words. */
export function scopeText(scope: Scope | undefined): string {
  const m = r.value;
  const kinds: Record<string, string> = {
    host: t.value.kindHosts,
    container: t.value.kindContainers,
    unit: t.value.kindUnits,
    service: t.value.kindServices,
    external: t.value.kindExternals,
  };
  const parts = [
    scope?.kind === undefined ? '' : (kinds[scope.kind] ?? scope.kind),
    scope?.name ?? '',
    scope?.service === undefined ? '' : m.ofService(scope.service),
    scope?.environment === undefined ? '' : m.inEnvironment(scope.environment),
  ].filter((part) => part !== '');
  return parts.length === 0 ? m.allResources : parts.join(' · ');
}

export function aggregateWord(name: string, quantile?: number): string {
  const m = r.value;
  if (name === 'quantile') return `P${short((quantile ?? 0.95) * 100)}`;
  const words: Record<string, string> = {
    mean: m.aggMean,
    max: m.aggMax,
    min: m.aggMin,
    sum: m.aggSum,
    count: m.aggCount,
    last: m.aggLast,
    rate: m.aggRate,
    increase: m.aggIncrease,
    until: m.aggUntil,
    absent: m.aggAbsent,
  };
  return words[name] ?? name;
}

/** What a rule judges, shortly: "mean of system.memory.usage ÷ system.memory.limit". */
function subject(rule: Rule): string {
  const m = r.value;
  const { condition: one } = rule;
  switch (one.type) {
    case 'events':
      return m.eventsOf((one.kinds ?? []).join(', ') || m.anyKind);
    case 'logs':
      return m.logsOf((one.words ?? []).join(', ') || m.anyWord);
    case 'silent':
      return m.silenceOf;
    case 'series': {
      const name = one.divided_by ? `${one.metric} ÷ ${one.divided_by.metric}` : one.metric;
      const text = m.aggregateOf(aggregateWord(one.aggregate, one.quantile), name);
      const against = one.against ?? 'nothing';
      return against === 'nothing' ? text : m.comparedWith(text, againstWord(against));
    }
  }
}

export function againstWord(against: string): string {
  const m = r.value;
  const words: Record<string, string> = { yesterday: m.againstYesterday, last_week: m.againstWeek, usual: m.againstUsual };
  return words[against] ?? m.againstNothing;
}

/** The condition of a rule in one line; `unit` is that of its metric. */
export function sentence(rule: Rule, unit: string): string {
  const m = r.value;
  const judged = judgedUnit(rule.condition, unit);
  const isBelow = rule.condition.type === 'series' && rule.condition.comparison === 'below';
  const limit = (value: number | undefined) => (value === undefined ? null : `${sign(isBelow)} ${amount(value, judged)}`);
  const warning = limit(rule.warning);
  const critical = limit(rule.critical);
  const first = warning ?? critical;
  const said = first === null ? subject(rule) : `${subject(rule)} ${first}`;
  const timed = rule.for_s > 0 ? m.forTime(said, seconds(rule.for_s)) : said;
  return warning !== null && critical !== null ? m.alsoCritical(timed, critical) : timed;
}

/** "3 alerts", in the form of the language. */
export function countAlerts(count: number): string {
  return a.value.countAlerts(num(count), count);
}
