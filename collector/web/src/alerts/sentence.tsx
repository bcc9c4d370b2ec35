// The condition as a sentence with fields in it: when what, of which, over how long, beyond how much, for how long.

import type { ComponentChildren } from 'preact';

import type { Aggregate, Against } from '../api/alerts';
import { Icon } from '../ui/icon';
import { unitSign } from './amount';
import { unitOf, type Draft, type Faulty } from './draft';
import { againstWord, aggregateWord } from './rule-text';
import { r } from './rule-words';
import { a } from './words';

export type Change = (some: Partial<Draft>) => void;

export interface PartProps {
  draft: Draft;
  change: Change;
  faults: Partial<Record<Faulty, string>>;
  isLocked: boolean;
}

interface PickProps {
  label: string;
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  isLocked: boolean;
  onChange: (value: string) => void;
}

/** A list within a sentence. */
export function Pick({ label, value, options, isLocked, onChange }: PickProps) {
  return (
    <span class="in sel sent-in">
      <select
        aria-label={label}
        value={value}
        disabled={isLocked}
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
      <Icon name="chev" size={12} />
    </span>
  );
}

interface SayProps {
  label: string;
  value: string;
  fault?: string | undefined;
  sign?: string;
  isLocked: boolean;
  placeholder?: string;
  onInput: (text: string) => void;
}

/** A number or a time within a sentence. */
export function Say({ label, value, fault, sign = '', isLocked, placeholder, onInput }: SayProps) {
  return (
    <span class={`in sent-in sent-say ${fault === undefined ? '' : 'bad'}`} title={fault}>
      <input
        aria-label={label}
        aria-invalid={fault !== undefined}
        aria-describedby={fault === undefined ? undefined : 'rule-faults'}
        autocomplete="off"
        placeholder={placeholder}
        disabled={isLocked}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {sign !== '' && <span class="sub">{sign}</span>}
    </span>
  );
}

const AGGREGATES: readonly Aggregate[] = [
  'mean',
  'max',
  'min',
  'last',
  'sum',
  'count',
  'rate',
  'increase',
  'quantile',
  'until',
  'absent',
];
const AGAINSTS: readonly Against[] = ['nothing', 'yesterday', 'last_week', 'usual'];

function What({ draft, change, faults, isLocked }: PartProps) {
  const m = r.value;
  if (draft.watch === 'silent') return <b>{m.silenceOf}</b>;
  if (draft.watch === 'events') return <b>{m.countEvents}</b>;
  if (draft.watch === 'logs') return <b>{m.countLogs}</b>;
  const name = draft.divisor === '' ? draft.metric : `${draft.metric} ÷ ${draft.divisor}`;
  return (
    <>
      <Pick
        label={m.aggregate}
        value={draft.aggregate}
        options={AGGREGATES.map((one) => [one, one === 'quantile' ? m.aggQuantile : aggregateWord(one)])}
        isLocked={isLocked}
        onChange={(aggregate) => change({ aggregate: aggregate as Aggregate })}
      />
      {draft.aggregate === 'quantile' && (
        <Say
          label={m.quantile}
          value={draft.quantile}
          fault={faults.quantile}
          sign="%"
          isLocked={isLocked}
          onInput={(quantile) => change({ quantile })}
        />
      )}
      <span>{m.ofWord}</span>
      <b class="anywhere">{name === '' ? m.theMetric : name}</b>
    </>
  );
}

function Limits({ draft, change, faults, isLocked }: PartProps) {
  const m = r.value;
  const sign = unitSign(unitOf(draft));
  const field = (name: 'warning' | 'critical', word: string) => (
    <Say
      label={word}
      value={draft[name]}
      fault={faults[name]}
      sign={sign}
      isLocked={isLocked}
      placeholder="—"
      onInput={(text) => change({ [name]: text })}
    />
  );
  return (
    <>
      {draft.watch === 'series' ? (
        <Pick
          label={m.comparison}
          value={draft.comparison}
          options={[
            ['above', m.above],
            ['below', m.below],
          ]}
          isLocked={isLocked}
          onChange={(comparison) => change({ comparison: comparison as Draft['comparison'] })}
        />
      ) : (
        <span>{m.above}</span>
      )}
      {field('warning', a.value.warning)}
      <span class="warn">{m.asWarning}</span>
      <span>{m.orWord}</span>
      {field('critical', a.value.critical)}
      <span class="crit">{m.asCritical}</span>
    </>
  );
}

export function Sentence(props: PartProps) {
  const { draft, change, faults, isLocked } = props;
  const m = r.value;
  const shown: Faulty[] = ['metric', 'quantile', 'window', 'warning', 'critical', 'forText'];
  const told = shown.flatMap((name) => faults[name] ?? []);
  return (
    <div class="field">
      <div class="sent" role="group" aria-label={m.condition}>
        <span>{m.whenWord}</span>
        <What {...props} />
        {draft.watch !== 'silent' && (
          <>
            <span>{m.overWord}</span>
            <Say
              label={m.window}
              value={draft.window}
              fault={faults.window}
              isLocked={isLocked}
              onInput={(window) => change({ window })}
            />
          </>
        )}
        {draft.watch === 'series' && (
          <Pick
            label={m.against}
            value={draft.against}
            options={AGAINSTS.map((one) => [one, againstWord(one)])}
            isLocked={isLocked}
            onChange={(against) => change({ against: against as Against })}
          />
        )}
        <span>{m.isWord}</span>
        <Limits {...props} />
        <span>{m.forWord}</span>
        <Say
          label={m.forLabel}
          value={draft.forText}
          fault={faults.forText}
          isLocked={isLocked}
          onInput={(forText) => change({ forText })}
        />
      </div>
      {told.length > 0 && (
        <ul id="rule-faults" class="hint crit" role="alert">
          {told.map((fault) => (
            <li key={fault}>{fault}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** A heading within the editor. */
export function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <fieldset class="group">
      <legend class="lbl">{title}</legend>
      {children}
    </fieldset>
  );
}
