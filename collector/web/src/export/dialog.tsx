// The export dialog: what, of whom, how long and how written; says how much that is, and gives the same call by API.

import { useMemo, useState } from 'preact/hooks';

import '../css/boards.css';
import { exportSize, exportUrl, type ExportFormat } from '../api/export';
import { Choose } from '../boards/choose';
import { aggregates } from '../boards/editor';
import { Select } from '../boards/fields';
import { allMetrics, findMetrics } from '../boards/metrics';
import { b } from '../boards/words';
import { refusal } from '../cache/refusal';
import { bytes, num, rangeSpan, zone } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { fleet } from '../live/fleet';
import { haystack } from '../shell/find';
import { rangeWords } from '../shell/top-bar';
import { path } from '../state/route';
import { shown } from '../state/scope';
import { announce } from '../ui/announcer';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Command, resourceWord } from '../ui/parts';
import { chosenFor, resourceOf } from './defaults';
import { apiCall, orderOf, STEPS, type Form } from './form';
import { LASTS, type Period } from './period';
import { exportWish, type ExportWish } from './wish';
import { localOffset } from './zone';

const METRICS_MAX = 16;
const RESOURCES_MAX = 50;
const FORMATS: readonly ExportFormat[] = ['csv', 'json', 'ndjson'];

function pagePeriod(wish: ExportWish): Period {
  const now = Math.floor(clock.now() / 1000) * 1000;
  if (wish.ms !== undefined) return { kind: 'page', from: now - wish.ms, to: now };
  return { kind: 'page', ...shown.peek().at(now) };
}

function startOf(wish: ExportWish): Form {
  const here = resourceOf(path.peek());
  const own = wish.resources ?? (wish.metrics === undefined && here !== null ? [here] : []);
  return {
    format: 'csv',
    period: pagePeriod(wish),
    metrics: [...(wish.metrics ?? [])],
    resources: own.map(String),
    attributes: { ...wish.attributes },
    aggregate: wish.aggregate ?? '',
    step: '',
    layout: 'long',
    decimal: lang.peek() === 'pt-BR' ? ',' : '.',
    zone: localOffset(clock.now()),
  };
}

type Change = (some: Partial<Form>) => void;

function Formats({ form, change }: { form: Form; change: Change }) {
  const m = b.value;
  const titles: Record<ExportFormat, string> = { csv: m.formatCsv, json: m.formatJson, ndjson: m.formatNdjson };
  return (
    <div class="field">
      <span class="lbl" id="x-format">
        {m.format}
      </span>
      <span class="seg" role="group" aria-labelledby="x-format">
        {FORMATS.map((format) => (
          <button
            key={format}
            type="button"
            title={titles[format]}
            aria-pressed={form.format === format}
            onClick={() => change({ format })}
          >
            {format.toUpperCase()}
          </button>
        ))}
      </span>
    </div>
  );
}

function Times({ form, change, own }: { form: Form; change: Change; own: Period }) {
  const m = b.value;
  const words = exportWish.peek()?.ms === undefined ? rangeWords() : m.widgetPeriod;
  const lasts = LASTS.map((key): [string, string] => [key, t.value.rangeLast(rangeSpan(key))]);
  const steps = STEPS.map((key): [string, string] => [key, rangeSpan(key)]);
  return (
    <div class="f2">
      <Select
        id="x-period"
        label={t.value.range}
        value={form.period.kind === 'page' ? '' : form.period.text}
        options={[['', words], ...lasts]}
        onChange={(text) => change({ period: text === '' ? own : { kind: 'last', text } })}
      />
      <Select
        id="x-step"
        label={m.step}
        value={form.step}
        options={[['', m.stepAuto], ...steps]}
        onChange={(step) => change({ step })}
      />
    </div>
  );
}

function Things({ form, change }: { form: Form; change: Change }) {
  const m = b.value;
  const { data, failure } = useAnswer('metrics', null, allMetrics);
  const all = data ?? [];
  const resources = [...fleet.value.values()];
  const nameOf = (id: string) => fleet.value.get(Number(id))?.row.value.name ?? `#${id}`;
  const findResource = (query: string) => {
    const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
    return resources
      .filter((resource) => words.every((word) => haystack(resource).includes(word)))
      .map(({ id, row }) => ({ value: String(id), text: row.value.name, sub: resourceWord(row.value) }))
      .sort((a, z) => a.text.localeCompare(z.text));
  };
  return (
    <>
      <Choose
        id="x-metrics"
        label={m.metrics}
        placeholder={m.findMetric}
        chosen={form.metrics}
        most={METRICS_MAX}
        find={(query) => findMetrics(all, query).map(({ name }) => ({ value: name, text: name }))}
        onChange={(metrics) => change({ metrics })}
      />
      {failure !== null && <p class="hint crit">{m.metricsFailed(failure)}</p>}
      <Choose
        id="x-resources"
        label={m.resourcesLabel}
        placeholder={m.findResource}
        none={m.resourcesAll}
        chosen={form.resources}
        most={RESOURCES_MAX}
        textOf={nameOf}
        find={findResource}
        onChange={(chosen) => change({ resources: chosen })}
      />
    </>
  );
}

function Details({ form, change }: { form: Form; change: Change }) {
  const m = b.value;
  const here = localOffset(clock.now());
  return (
    <details>
      <summary>{m.moreOptions}</summary>
      <div class="f2">
        {form.format === 'csv' && (
          <>
            <Select
              id="x-layout"
              label={m.layout}
              value={form.layout}
              options={[
                ['long', m.layoutLong],
                ['wide', m.layoutWide],
              ]}
              onChange={(layout) => change({ layout: layout as Form['layout'] })}
            />
            <Select
              id="x-decimal"
              label={m.decimal}
              value={form.decimal}
              options={[
                ['.', m.decimalPoint],
                [',', m.decimalComma],
              ]}
              onChange={(decimal) => change({ decimal: decimal as Form['decimal'] })}
            />
          </>
        )}
        <Select
          id="x-zone"
          label={m.zone}
          value={form.zone}
          options={[
            [here, m.zoneHere(`${zone()}, UTC${here}`)],
            ['', m.zoneUtc],
          ]}
          onChange={(chosen) => change({ zone: chosen })}
        />
        <Select
          id="x-aggregate"
          label={m.aggregate}
          value={form.aggregate}
          options={aggregates()}
          onChange={(aggregate) => change({ aggregate })}
        />
      </div>
    </details>
  );
}

export function ExportDialog() {
  const wish = exportWish.value ?? {};
  const m = b.value;
  const own = useMemo(() => pagePeriod(wish), []);
  const [form, set] = useState(() => startOf(wish));
  const [isChosen, chose] = useState((wish.metrics ?? []).length > 0);
  const change: Change = (some) => set((old) => ({ ...old, ...some }));
  const { data: all } = useAnswer('metrics', null, allMetrics);
  // What the page is about, as soon as it is known what there is.
  if (!isChosen && all !== null) {
    chose(true);
    change({ metrics: chosenFor(wish, path.peek(), all, resourceOf(path.peek())) });
  }
  const close = () => (exportWish.value = null);
  const order = useMemo(() => orderOf(form, clock.now()), [form]);
  const isEmpty = form.metrics.length === 0;
  const size = useAnswer(JSON.stringify(order), null, (signal) =>
    isEmpty
      ? Promise.resolve(null)
      : exportSize(order, signal).catch((error: unknown) => Promise.reject(new Error(refusal(error)))),
  );
  const counted = size.isOld ? null : size.data;
  const isNothing = isEmpty || counted?.rows === 0;
  const url = exportUrl(order);
  const zoneText = form.zone === '' || form.zone === '+00:00' ? 'UTC' : `UTC${form.zone}`;
  const told = () => {
    if (isEmpty) return m.chooseMetric;
    if (size.failure !== null) return m.sizeFailed(size.failure);
    if (!counted) return m.sizeAsking;
    if (counted.rows === 0) return m.rowsNone;
    return (
      <>
        <b data-rows={counted.rows}>{m.rows(num(counted.rows), counted.rows)}</b>
        {` · ≈ ${bytes(counted.bytes)} · ${m.timesIn(zoneText)}`}
        {form.format === 'csv' && `, ${form.decimal === ',' ? m.withComma : m.withPoint}`}
      </>
    );
  };
  const label = (
    <>
      <Icon name="download" size={14} />
      {m.download(form.format.toUpperCase())}
    </>
  );
  const bad = size.failure !== null && !isEmpty;
  return (
    <Dialog label={m.exportTitle} class="modal wide" onClose={close}>
      <div class="dform exform">
        <header>
          <span class="mico info">
            <Icon name="download" size={18} />
          </span>
          <div class="grow">
            <h2>{m.exportTitle}</h2>
            {wish.title !== undefined && <p class="muted ell">{wish.title}</p>}
          </div>
          <button type="button" class="btn-icon" aria-label={t.value.close} onClick={close}>
            <Icon name="x" />
          </button>
        </header>
        <div class="mb">
          <Formats form={form} change={change} />
          <Times form={form} change={change} own={own} />
          <Things form={form} change={change} />
          <Details form={form} change={change} />
          <p class={`note ${bad ? 'crit' : ''}`} role="status" data-size>
            <Icon name={bad ? 'crit' : 'info'} size={16} />
            <span class="grow">{told()}</span>
          </p>
          <details>
            <summary>{m.apiCall}</summary>
            <div>
              <Command text={apiCall(url, form.format, m.tokenWord)} />
              <p class="hint">{m.apiCallHint}</p>
            </div>
          </details>
        </div>
        <footer>
          <button type="button" class="btn" onClick={close}>
            {m.cancel}
          </button>
          {isNothing ? (
            <button type="button" class="btn pri" disabled>
              {label}
            </button>
          ) : (
            <a
              class="btn pri"
              href={url}
              download=""
              onClick={() => {
                announce(m.downloading);
                // After the browser has taken the link.
                setTimeout(close, 0);
              }}
            >
              {label}
            </a>
          )}
        </footer>
      </div>
    </Dialog>
  );
}
