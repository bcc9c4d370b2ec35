// Rules in words: what they judge, of which resources, beyond how much.

import type { Rule, Scope } from '../api/alerts';
import { short } from '../i18n/format';
import { t } from '../i18n/index';
import { amount, judgedUnit, seconds } from './amount';
import { r } from './rule-words';
import { sign } from './text';

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
  const words: Record<string, string> = {
    yesterday: m.againstYesterday,
    last_week: m.againstWeek,
    usual: m.againstUsual,
  };
  return words[against] ?? m.againstNothing;
}

/** The condition of a rule in one line; `unit` is that of its metric. */
export function sentence(rule: Rule, unit: string): string {
  const m = r.value;
  const judged = judgedUnit(rule.condition, unit);
  const isBelow = rule.condition.type === 'series' && rule.condition.comparison === 'below';
  const limit = (value: number | undefined) =>
    value === undefined ? null : `${sign(isBelow)} ${amount(value, judged)}`;
  const warning = limit(rule.warning);
  const critical = limit(rule.critical);
  const first = warning ?? critical;
  const said = first === null ? subject(rule) : `${subject(rule)} ${first}`;
  const timed = rule.for_s > 0 ? m.forTime(said, seconds(rule.for_s)) : said;
  return warning !== null && critical !== null ? m.alsoCritical(timed, critical) : timed;
}
