// The settings of one widget: what it shows, of whom, how it is summed up, its thresholds, and its place in numbers.

import { useMemo, useState } from 'preact/hooks';

import { WIDGET_TYPES, type Across, type Aggregate, type Widget } from '../api/boards';
import { num, rangeSpan } from '../i18n/format';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import { fleet } from '../live/fleet';
import { haystack } from '../shell/find';
import { PRESETS } from '../time/range';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { resourceWord } from '../ui/parts';
import { TITLE_MAX } from './actions';
import { Choose } from './choose';
import { typeWord } from './draft';
import { Select, TextField } from './fields';
import { faultsOf, formOf, isMeasured, widgetOf, type Faulty, type Form, type NumberField } from './form';
import { allMetrics, findMetrics, type Metric } from './metrics';
import { b } from './words';

const METRICS_MAX = 16;
const RESOURCES_MAX = 50;
/** The collector takes no longer one. */
const TEXT_MAX = 4_000;
const UNIT_MAX = 32;

type Change = (some: Partial<Form>) => void;

interface PartProps {
  form: Form;
  change: Change;
}

/** Under a metric in the list: its unit, and how much of it there is. */
function about({ unit, series }: Metric): string {
  const m = b.value;
  const count = series === null ? m.ofCollector : m.countSeries(series, num(series));
  return unit === '' || unit === '1' ? count : `${unit.replace(/[{}]/g, '')} · ${count}`;
}

function Resources({ form, change }: PartProps) {
  const m = b.value;
  const all = [...fleet.value.values()];
  const byKey = new Map(all.map((resource) => [resource.row.value.key, resource.row.value.name]));
  const find = (query: string) => {
    const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
    return all
      .filter((resource) => words.every((word) => haystack(resource).includes(word)))
      .map(({ row }) => ({ value: row.value.key, text: row.value.name, sub: resourceWord(row.value) }))
      .sort((a, z) => a.text.localeCompare(z.text));
  };
  return (
    <Choose
      id="w-resources"
      label={m.resourcesLabel}
      placeholder={m.findResource}
      none={m.resourcesAll}
      chosen={form.resources}
      most={RESOURCES_MAX}
      textOf={(key) => byKey.get(key) ?? key}
      find={find}
      onChange={(resources) => change({ resources })}
    />
  );
}

function Attributes({ form, change, metrics }: PartProps & { metrics: readonly Metric[] }) {
  const m = b.value;
  const values = new Map<string, Set<string>>();
  for (const metric of metrics) {
    for (const [key, list] of metric.attributes) {
      const known = values.get(key) ?? new Set<string>();
      for (const value of list) known.add(value);
      values.set(key, known);
    }
  }
  for (const [key, value] of Object.entries(form.attributes))
    values.set(key, (values.get(key) ?? new Set()).add(value));
  if (values.size === 0) return null;
  const set = (key: string, value: string) => {
    const rest = Object.entries(form.attributes).filter(([other]) => other !== key);
    change({ attributes: Object.fromEntries(value === '' ? rest : [...rest, [key, value]]) });
  };
  return (
    <fieldset class="group">
      <legend class="lbl">{m.attributes}</legend>
      <div class="f2">
        {[...values].map(([key, known]) => (
          <Select
            key={key}
            id={`w-a-${key}`}
            label={key}
            value={form.attributes[key] ?? ''}
            options={[['', m.any], ...[...known].sort().map((value): [string, string] => [value, value])]}
            onChange={(value) => set(key, value)}
          />
        ))}
      </div>
    </fieldset>
  );
}

/** Every summary that the collector knows, with its word. */
export function aggregates(): readonly [Aggregate | '', string][] {
  const m = b.value;
  return [
    ['', m.aggregateUsual],
    ['mean', m.aggMean],
    ['min', m.aggMin],
    ['max', m.aggMax],
    ['sum', m.aggSum],
    ['last', m.aggLast],
    ['count', m.aggCount],
    ['rate', m.aggRate],
    ['increase', m.aggIncrease],
    ['raw', m.aggRaw],
  ];
}

function Summary({ form, change }: PartProps) {
  const m = b.value;
  const joins: readonly [Across | '', string][] = [
    ['', m.acrossNone],
    ['sum', m.acrossSum],
    ['mean', m.acrossMean],
    ['max', m.acrossMax],
  ];
  const periods = PRESETS.map((key): [string, string] => [key, t.value.rangeLast(rangeSpan(key))]);
  if (form.period !== '' && !periods.some(([key]) => key === form.period)) periods.push([form.period, form.period]);
  return (
    <div class="f2">
      <Select
        id="w-aggregate"
        label={m.aggregate}
        value={form.aggregate}
        options={aggregates()}
        onChange={(value) => change({ aggregate: value as Aggregate | '' })}
      />
      <Select
        id="w-across"
        label={m.across}
        value={form.across === 'none' ? '' : form.across}
        options={joins}
        onChange={(value) => change({ across: value as Across | '' })}
      />
      <Select
        id="w-period"
        label={m.period}
        value={form.period}
        options={[['', m.periodPage], ...periods]}
        onChange={(period) => change({ period })}
      />
      <TextField
        id="w-unit"
        label={m.unit}
        hint={m.unitHint}
        value={form.unit}
        most={UNIT_MAX}
        onInput={(unit) => change({ unit })}
      />
    </div>
  );
}

interface NumbersProps extends PartProps {
  legend: string;
  hint?: string;
  fields: readonly (readonly [NumberField, string])[];
  faults: Partial<Record<Faulty, string>>;
}

function Numbers({ legend, hint, fields, faults, form, change }: NumbersProps) {
  return (
    <fieldset class="group">
      <legend class="lbl">{legend}</legend>
      <div class="f4">
        {fields.map(([field, label]) => (
          <TextField
            key={field}
            id={`w-${field}`}
            label={label}
            mode={field.length > 2 && !['width', 'height'].includes(field) ? 'decimal' : 'numeric'}
            value={form[field]}
            fault={faults[field] ?? null}
            onInput={(text) => change({ [field]: text })}
          />
        ))}
      </div>
      {hint !== undefined && <p class="hint">{hint}</p>}
    </fieldset>
  );
}

function Measured({ form, change, faults }: PartProps & { faults: NumbersProps['faults'] }) {
  const m = b.value;
  const { data, failure } = useAnswer('metrics', null, allMetrics);
  const all = data ?? [];
  const chosen = useMemo(() => all.filter(({ name }) => form.metrics.includes(name)), [data, form.metrics]);
  return (
    <>
      <Choose
        id="w-metrics"
        label={m.metrics}
        placeholder={m.findMetric}
        hint={m.metricsHint}
        fault={faults.metrics ?? null}
        chosen={form.metrics}
        most={METRICS_MAX}
        find={(query) => findMetrics(all, query).map((one) => ({ value: one.name, text: one.name, sub: about(one) }))}
        onChange={(metrics) => change({ metrics })}
      />
      {failure !== null && <p class="hint crit">{m.metricsFailed(failure)}</p>}
      <Resources form={form} change={change} />
      <Attributes form={form} change={change} metrics={chosen} />
      <Summary form={form} change={change} />
      <Numbers
        legend={m.limits}
        hint={m.thresholdsHint}
        fields={[
          ['warning', m.warningAt],
          ['critical', m.criticalAt],
          ['min', m.minimum],
          ['max', m.maximum],
        ]}
        faults={faults}
        form={form}
        change={change}
      />
    </>
  );
}

interface Props {
  widget: Widget;
  isNew: boolean;
  onApply: (widget: Widget) => void;
  onClose: () => void;
}

export function Editor({ widget, isNew, onApply, onClose }: Props) {
  const m = b.value;
  const [form, set] = useState(() => formOf(widget));
  const [isTried, tried] = useState(false);
  const change: Change = (some) => set((old) => ({ ...old, ...some }));
  const faults = faultsOf(form);
  const submit = (event: Event) => {
    event.preventDefault();
    tried(true);
    if (Object.keys(faults).length === 0) onApply(widgetOf(form, widget));
  };
  const shown = isTried ? faults : {};
  const title = isNew ? m.newWidgetTitle : m.editorTitle;
  return (
    <Dialog label={title} class="modal wide" onClose={onClose}>
      <form class="dform" noValidate onSubmit={submit}>
        <header>
          <h2 class="grow">{title}</h2>
          <button type="button" class="btn-icon" aria-label={t.value.close} onClick={onClose}>
            <Icon name="x" />
          </button>
        </header>
        <div class="mb">
          <div class="f2">
            <TextField
              id="w-title"
              label={m.title}
              value={form.title}
              fault={shown.title ?? null}
              most={TITLE_MAX}
              onInput={(text) => change({ title: text })}
            />
            <Select
              id="w-type"
              label={m.type}
              value={form.type}
              options={WIDGET_TYPES.map((type): [string, string] => [type, typeWord(type)])}
              onChange={(type) => change({ type: type as Form['type'] })}
            />
          </div>
          {isMeasured(form.type) && <Measured form={form} change={change} faults={shown} />}
          {form.type === 'status' && <Resources form={form} change={change} />}
          {form.type === 'text' && (
            <div class="field">
              <label for="w-text">{m.text}</label>
              <textarea
                id="w-text"
                class="in area"
                rows={8}
                maxLength={TEXT_MAX}
                value={form.text}
                aria-describedby="w-text-hint"
                onInput={(event) => change({ text: event.currentTarget.value })}
              />
              <span class="hint" id="w-text-hint">
                {m.textHint}
              </span>
            </div>
          )}
          <Numbers
            legend={m.size}
            fields={[
              ['x', m.column],
              ['y', m.line],
              ['width', m.width],
              ['height', m.height],
            ]}
            faults={shown}
            form={form}
            change={change}
          />
        </div>
        <footer>
          <button type="button" class="btn" onClick={onClose}>
            {m.cancel}
          </button>
          <button class="btn pri">{m.apply}</button>
        </footer>
      </form>
    </Dialog>
  );
}
