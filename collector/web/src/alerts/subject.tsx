// What a rule watches: the metric or the records, of which resources, with which attributes.

import { computed } from '@preact/signals';

import { Choose, type Option } from '../boards/choose';
import { Select, TextField } from '../boards/fields';
import { findMetrics } from '../boards/metrics';
import { isRateKind } from '../boards/units';
import { t } from '../i18n/index';
import { fleet } from '../live/fleet';
import type { Draft, Watch } from './draft';
import { attributeKeys, attributeWords, kindOfMetric, metricNames, unitOfMetric } from './metric-source';
import { keptName, ruleName } from './names';
import { Part, type PartProps } from './sentence';
import { r } from './rule-words';

const ATTRIBUTES_MAX = 8;
const KINDS_MAX = 16;
const WORDS_MAX = 8;
const NAME_MAX = 128;
const LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical'];

/** What several fields offer: names of what was heard of. */
const known = computed(() => {
  const found = { name: new Set<string>(), service: new Set<string>(), environment: new Set<string>() };
  for (const { row } of fleet.value.values()) {
    const { name, kind, attributes } = row.value;
    found.name.add(name);
    found.service.add(attributes['service.name'] ?? (kind === 'service' ? name : ''));
    found.environment.add(attributes['deployment.environment.name'] ?? '');
  }
  for (const names of Object.values(found)) names.delete('');
  return found;
});

/** The typed text itself, for what nobody can list. */
function typed(query: string, others: readonly string[] = [], mustHave = ''): Option[] {
  const text = query.trim();
  const found = others.filter((one) => one.toLowerCase().includes(text.toLowerCase()));
  const own = text !== '' && !found.includes(text) && text.includes(mustHave) ? [text] : [];
  return [...own, ...found].map((value) => ({ value, text: value }));
}

function find(query: string): Option[] {
  const all = metricNames.value.map((name) => ({ name }) as Parameters<typeof findMetrics>[0][number]);
  return findMetrics(all, query).map(({ name }) => ({ value: name, text: name, sub: unitOfMetric(name) }));
}

/** What changes with the metric: its unit, and what makes sense of a counter. */
export function withMetric(metric: string): Partial<Draft> {
  const isCounter = isRateKind(kindOfMetric(metric));
  return {
    metric,
    unit: unitOfMetric(metric),
    attributes: [],
    by: [],
    apart: 'all',
    ...(metric === '' ? {} : { aggregate: isCounter ? 'rate' : 'mean' }),
  };
}

function SeriesFields({ draft, change, faults }: PartProps) {
  const m = r.value;
  return (
    <>
      <div class="f2">
        <Choose
          id="rule-metric"
          label={m.metric}
          placeholder={m.findMetric}
          fault={faults.metric ?? null}
          chosen={draft.metric === '' ? [] : [draft.metric]}
          most={1}
          find={find}
          onChange={([metric = '']) => change(withMetric(metric))}
        />
        <Choose
          id="rule-divisor"
          label={m.divisor}
          placeholder={m.findMetric}
          hint={m.divisorHint}
          chosen={draft.divisor === '' ? [] : [draft.divisor]}
          most={1}
          find={find}
          onChange={([divisor = '']) => change({ divisor, divisorAttributes: [] })}
        />
      </div>
      <div class="f2">
        <Choose
          id="rule-attributes"
          label={m.attributes}
          placeholder={m.attributesPlaceholder}
          hint={m.attributesHint}
          chosen={draft.attributes}
          most={ATTRIBUTES_MAX}
          find={(query) => typed(query, attributeWords(draft.metric), '=')}
          onChange={(attributes) => change({ attributes })}
        />
        {draft.divisor !== '' && (
          <Choose
            id="rule-divisor-attributes"
            label={m.divisorAttributes}
            placeholder={m.attributesPlaceholder}
            chosen={draft.divisorAttributes}
            most={ATTRIBUTES_MAX}
            find={(query) => typed(query, attributeWords(draft.divisor), '=')}
            onChange={(divisorAttributes) => change({ divisorAttributes })}
          />
        )}
      </div>
    </>
  );
}

function RecordFields({ draft, change }: PartProps) {
  const m = r.value;
  return (
    <div class="f2">
      {draft.watch === 'events' && (
        <Choose
          id="rule-kinds"
          label={m.kinds}
          placeholder={m.kindsPlaceholder}
          hint={m.kindsHint}
          chosen={draft.kinds}
          most={KINDS_MAX}
          find={(query) => typed(query)}
          onChange={(kinds) => change({ kinds })}
        />
      )}
      <Choose
        id="rule-words"
        label={m.wordsLabel}
        placeholder={m.wordsPlaceholder}
        hint={m.wordsHint}
        chosen={draft.words}
        most={WORDS_MAX}
        find={(query) => typed(query)}
        onChange={(words) => change({ words })}
      />
      {draft.watch === 'logs' && (
        <Select
          id="rule-level"
          label={m.logLevel}
          value={draft.level}
          options={[['', m.anyLevel], ...LEVELS.map((level) => [level, level] as const)]}
          onChange={(level) => change({ level })}
        />
      )}
    </div>
  );
}

/** Of which resources: a kind, and patterns for names. */
function ScopeFields({ draft, change }: PartProps) {
  const m = r.value;
  const set = (some: Partial<Draft['scope']>) => change({ scope: { ...draft.scope, ...some } });
  const kinds: [string, string][] = [
    ['', m.allResources],
    ['host', t.value.kindHosts],
    ['container', t.value.kindContainers],
    ['unit', t.value.kindUnits],
    ['service', t.value.kindServices],
    ['external', t.value.kindExternals],
  ];
  const pattern = (key: 'name' | 'service' | 'environment', label: string) => (
    <TextPattern
      id={`rule-of-${key}`}
      label={label}
      value={draft.scope[key]}
      offered={known.value[key]}
      onInput={(value) => set({ [key]: value })}
    />
  );
  return (
    <Part title={m.resources}>
      <div class="f4">
        <Select
          id="rule-kind"
          label={m.kind}
          value={draft.scope.kind}
          options={kinds}
          onChange={(kind) => set({ kind })}
        />
        {pattern('name', m.nameFits)}
        {pattern('service', m.serviceFits)}
        {pattern('environment', m.environmentFits)}
      </div>
    </Part>
  );
}

interface PatternProps {
  id: string;
  label: string;
  value: string;
  offered: ReadonlySet<string>;
  onInput: (value: string) => void;
}

function TextPattern({ id, label, value, offered, onInput }: PatternProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class="in">
        <input
          id={id}
          list={`${id}-list`}
          placeholder="*"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          maxLength={NAME_MAX}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      </span>
      <datalist id={`${id}-list`}>
        {[...offered].sort().map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </div>
  );
}

export function Subject(props: PartProps) {
  const { draft, change, faults } = props;
  const m = r.value;
  return (
    <>
      <div class="f2">
        <TextField
          id="rule-name"
          label={m.name}
          value={ruleName(draft.name)}
          fault={faults.name ?? null}
          most={NAME_MAX}
          onInput={(name) => change({ name: keptName(name) })}
        />
        <Select
          id="rule-watch"
          label={m.watch}
          value={draft.watch}
          options={[
            ['series', m.watchSeries],
            ['events', m.watchEvents],
            ['logs', m.watchLogs],
            ['silent', m.watchSilent],
          ]}
          onChange={(watch) => change({ watch: watch as Watch })}
        />
      </div>
      {draft.watch === 'series' && <SeriesFields {...props} />}
      {(draft.watch === 'events' || draft.watch === 'logs') && <RecordFields {...props} />}
      <ScopeFields {...props} />
      {draft.watch === 'series' && draft.apart === 'named' && (
        <Choose
          id="rule-by"
          label={m.by}
          placeholder={m.attributesPlaceholder}
          chosen={draft.by}
          most={ATTRIBUTES_MAX}
          find={(query) => typed(query, attributeKeys(draft.metric))}
          onChange={(by) => change({ by })}
        />
      )}
    </>
  );
}
