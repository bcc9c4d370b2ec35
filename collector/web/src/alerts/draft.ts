// What stands in the fields of the rule editor, and the rule that comes of it. Numbers and times are text until then.

import type { Aggregate, Against, Condition, Rule, Scope, SeriesCondition } from '../api/alerts';
import { judgedUnit, readAmount, readSeconds, seconds, written } from './amount';
import { r } from './rule-words';

export type Watch = Condition['type'];
/** Which attributes keep series apart: all, none, or those that are named. */
export type Apart = 'all' | 'none' | 'named';

export interface Draft {
  id: string;
  name: string;
  enabled: boolean;
  tenant: string;
  watch: Watch;
  metric: string;
  /** Unit of the metric, as far as it is known. */
  unit: string;
  attributes: string[];
  scope: Required<Scope>;
  apart: Apart;
  by: string[];
  divisor: string;
  divisorAttributes: string[];
  aggregate: Aggregate;
  quantile: string;
  window: string;
  comparison: 'above' | 'below';
  against: Against;
  kinds: string[];
  words: string[];
  level: string;
  warning: string;
  critical: string;
  forText: string;
  recovery: string;
  resolveAfter: string;
  noData: string;
  channels: string[];
  /** Empty: the house's habit; "0": never. */
  remind: string;
  message: string;
  runbook: string;
}

export type Faulty =
  | 'name'
  | 'metric'
  | 'quantile'
  | 'window'
  | 'warning'
  | 'critical'
  | 'forText'
  | 'recovery'
  | 'resolveAfter'
  | 'noData'
  | 'remind'
  | 'runbook';

export const NAME_MAX = 128;
export const MESSAGE_MAX = 1_000;
/** As the collector has it: 6 h, and a day. */
const WINDOW_S_MAX = 6 * 3_600;
const FOR_S_MAX = 86_400;

export function emptyDraft(): Draft {
  return {
    id: '',
    name: '',
    enabled: true,
    tenant: '',
    watch: 'series',
    metric: '',
    unit: '',
    attributes: [],
    scope: { kind: '', name: '', service: '', environment: '' },
    apart: 'all',
    by: [],
    divisor: '',
    divisorAttributes: [],
    aggregate: 'mean',
    quantile: '95',
    window: seconds(300),
    comparison: 'above',
    against: 'nothing',
    kinds: [],
    words: [],
    level: '',
    warning: '',
    critical: '',
    forText: seconds(120),
    recovery: '',
    resolveAfter: seconds(120),
    noData: '',
    channels: [],
    remind: '',
    message: '',
    runbook: '',
  };
}

function scopeFields(scope: Scope | undefined): Draft['scope'] {
  const { kind = '', name = '', service = '', environment = '' } = scope ?? {};
  return { kind, name, service, environment };
}

function ofCondition(condition: Condition): Partial<Draft> {
  const scope = scopeFields(condition.resources);
  switch (condition.type) {
    case 'silent':
      return { watch: 'silent', scope };
    case 'events':
      return {
        watch: 'events',
        scope,
        kinds: [...(condition.kinds ?? [])],
        words: [...(condition.words ?? [])],
        window: seconds(condition.window_s),
      };
    case 'logs':
      return {
        watch: 'logs',
        scope,
        words: [...(condition.words ?? [])],
        level: condition.level ?? '',
        window: seconds(condition.window_s),
      };
    case 'series':
      return {
        watch: 'series',
        scope,
        metric: condition.metric,
        attributes: [...(condition.attributes ?? [])],
        apart: condition.by === undefined ? 'all' : condition.by.length === 0 ? 'none' : 'named',
        by: [...(condition.by ?? [])],
        divisor: condition.divided_by?.metric ?? '',
        divisorAttributes: [...(condition.divided_by?.attributes ?? [])],
        aggregate: condition.aggregate,
        quantile: String((condition.quantile ?? 0.95) * 100),
        window: seconds(condition.window_s),
        comparison: condition.comparison ?? 'above',
        against: condition.against ?? 'nothing',
      };
  }
}

/** The fields of a rule; `unit` is that of its metric. */
export function draftOf(rule: Rule, unit: string): Draft {
  const judged = judgedUnit(rule.condition, unit);
  return {
    ...emptyDraft(),
    ...ofCondition(rule.condition),
    id: rule.id,
    name: rule.name,
    enabled: rule.enabled,
    tenant: rule.tenant ?? '',
    unit,
    warning: written(rule.warning, judged),
    critical: written(rule.critical, judged),
    forText: seconds(rule.for_s),
    recovery: rule.recovery === 0 ? '' : written(rule.recovery, judged),
    resolveAfter: seconds(rule.resolve_after_s),
    noData: rule.no_data_s === undefined ? '' : seconds(rule.no_data_s),
    channels: [...rule.channels],
    remind: rule.remind_s === undefined ? '' : rule.remind_s === 0 ? '0' : seconds(rule.remind_s),
    message: rule.message ?? '',
    runbook: rule.runbook ?? '',
  };
}

function scopeOf(draft: Draft): { resources?: Scope } {
  const entries = Object.entries(draft.scope)
    .map(([key, value]) => [key, value.trim()] as const)
    .filter(([, value]) => value !== '');
  return entries.length === 0 ? {} : { resources: Object.fromEntries(entries) };
}

function seriesOf(draft: Draft, window: number): SeriesCondition {
  const { attributes, divisor, divisorAttributes, aggregate, comparison, against, apart, by } = draft;
  return {
    type: 'series',
    metric: draft.metric,
    ...(attributes.length === 0 ? {} : { attributes }),
    ...scopeOf(draft),
    ...(apart === 'all' ? {} : { by: apart === 'none' ? [] : by }),
    ...(divisor === ''
      ? {}
      : {
          divided_by: { metric: divisor, ...(divisorAttributes.length === 0 ? {} : { attributes: divisorAttributes }) },
        }),
    aggregate,
    ...(aggregate === 'quantile' ? { quantile: (readAmount(draft.quantile, '') ?? 95) / 100 } : {}),
    window_s: window,
    comparison,
    against,
  };
}

export function conditionOf(draft: Draft): Condition {
  const window = readSeconds(draft.window) ?? 0;
  switch (draft.watch) {
    case 'silent':
      return { type: 'silent', ...scopeOf(draft) };
    case 'events':
      return {
        type: 'events',
        ...(draft.kinds.length === 0 ? {} : { kinds: draft.kinds }),
        ...(draft.words.length === 0 ? {} : { words: draft.words }),
        ...scopeOf(draft),
        window_s: window,
      };
    case 'logs':
      return {
        type: 'logs',
        ...(draft.words.length === 0 ? {} : { words: draft.words }),
        ...(draft.level === '' ? {} : { level: draft.level }),
        ...scopeOf(draft),
        window_s: window,
      };
    case 'series':
      return seriesOf(draft, window);
  }
}

/** The unit of what the draft judges. */
export function unitOf(draft: Draft): string {
  return judgedUnit(conditionOf(draft), draft.unit);
}

/** The rule of a draft without faults. */
export function ruleOf(draft: Draft): Rule {
  const unit = unitOf(draft);
  const limit = (name: 'warning' | 'critical', text: string) => {
    const value = readAmount(text, unit);
    return value == null ? {} : { [name]: value };
  };
  const optional = (name: string, value: string | number | null | undefined) =>
    value == null || value === '' ? {} : { [name]: value };
  return {
    id: draft.id,
    name: draft.name.trim(),
    enabled: draft.enabled,
    ...optional('tenant', draft.tenant.trim()),
    condition: conditionOf(draft),
    ...limit('warning', draft.warning),
    ...limit('critical', draft.critical),
    for_s: readSeconds(draft.forText) ?? 0,
    recovery: readAmount(draft.recovery, unit) ?? 0,
    resolve_after_s: readSeconds(draft.resolveAfter) ?? 0,
    ...optional('no_data_s', readSeconds(draft.noData)),
    channels: draft.channels,
    ...optional('remind_s', readSeconds(draft.remind)),
    ...optional('message', draft.message.trim()),
    ...optional('runbook', draft.runbook.trim()),
  };
}

type Faults = Partial<Record<Faulty, string>>;

function timeFaults(draft: Draft): Faults {
  const m = r.peek();
  const faults: Faults = {};
  const check = (field: 'forText' | 'resolveAfter' | 'noData' | 'remind' | 'window', low: number, high: number) => {
    const value = readSeconds(draft[field]);
    if (value === null) faults[field] = m.notTime;
    else if (value !== undefined && (value < low || value > high))
      faults[field] = m.timeFrom(seconds(low), seconds(high));
  };
  check('forText', 0, FOR_S_MAX);
  check('resolveAfter', 0, FOR_S_MAX);
  check('noData', 1, FOR_S_MAX);
  check('remind', 0, 30 * 86_400);
  if (draft.watch !== 'silent') {
    check('window', 1, WINDOW_S_MAX);
    if (readSeconds(draft.window) === undefined) faults.window = m.notTime;
  }
  return faults;
}

function limitFaults(draft: Draft): Faults {
  const m = r.peek();
  const unit = unitOf(draft);
  const faults: Faults = {};
  for (const field of ['warning', 'critical', 'recovery'] as const) {
    if (readAmount(draft[field], unit) === null) faults[field] = m.notAmount;
  }
  const [warning, critical] = [readAmount(draft.warning, unit), readAmount(draft.critical, unit)];
  if (warning === undefined && critical === undefined && draft.noData.trim() === '') faults.warning = m.needsLimit;
  if (warning != null && critical != null) {
    const isBelow = draft.watch === 'series' && draft.comparison === 'below';
    if (isBelow ? critical > warning : critical < warning) {
      faults.critical = isBelow ? m.criticalBelow : m.criticalAbove;
    }
  }
  if ((readAmount(draft.recovery, unit) ?? 0) < 0) faults.recovery = m.notNegative;
  return faults;
}

/** What is wrong with a draft, by field. */
export function faultsOf(draft: Draft): Faults {
  const m = r.peek();
  const faults: Faults = { ...timeFaults(draft), ...limitFaults(draft) };
  if (draft.name.trim() === '') faults.name = m.needsName;
  if (draft.watch === 'series' && draft.metric === '') faults.metric = m.needsMetric;
  if (draft.watch === 'series' && draft.aggregate === 'quantile') {
    const value = readAmount(draft.quantile, '');
    if (value == null || value < 0 || value > 100) faults.quantile = m.notQuantile;
  }
  if (draft.runbook.trim() !== '' && !/^https?:\/\/\S+$/.test(draft.runbook.trim())) faults.runbook = m.notAddress;
  return faults;
}

/** Whether a draft can be tried on the past: what it is called does not matter for that. */
export function isJudgeable(draft: Draft): boolean {
  return Object.keys(faultsOf(draft)).every((field) => field === 'name' || field === 'runbook' || field === 'remind');
}
