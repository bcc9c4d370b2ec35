// The row of filters above the pages about applications: which service, which tenant.

import type { ComponentChildren } from 'preact';

import { requests } from '../api/client';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { setParams } from '../state/route';
import { nameOf, service, serviceName, services, shown, tenant } from '../state/scope';
import { Icon } from './icon';

const TENANTS_OFFERED = 50;
const ASK_EVERY_MS = 60_000;

interface ChoiceProps {
  label: string;
  value: string;
  all: string;
  options: readonly { value: string; text: string }[];
  onChoose: (value: string | null) => void;
}

/** The browser's own list: it works with keys, with a screen reader, and on a phone. */
export function Choice({ label, value, all, options, onChoose }: ChoiceProps) {
  return (
    <label class={`choice ${value === '' ? '' : 'on'}`}>
      <span class="lbl-in">{label}</span>
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value || null)}>
        <option value="">{all}</option>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.text}
          </option>
        ))}
      </select>
      <Icon name="chev" size={12} />
    </label>
  );
}

function ServiceChoice() {
  const m = t.value;
  const id = service.value;
  const options = services.value.map((one) => ({ value: String(one.id), text: serviceName(one) }));
  // A link may name a service that is not there any more.
  if (id !== null && !options.some(({ value }) => value === String(id))) {
    options.push({ value: String(id), text: nameOf(id) });
  }
  if (options.length === 0) return null;
  return (
    <Choice
      label={m.service}
      value={id === null ? '' : String(id)}
      all={m.allServices}
      options={options}
      onChoose={(value) => setParams({ service: value })}
    />
  );
}

function TenantChoice() {
  const m = t.value;
  const id = service.value;
  const { data } = useAnswer(`${shown.value.key} ${id ?? ''}`, shown.value.isLive ? ASK_EVERY_MS : null, (signal) =>
    requests.tenants({ ...shown.peek().at(clock.now()), service: id, tenant: null }, TENANTS_OFFERED, signal),
  );
  const chosen = tenant.value;
  const names = (data ?? []).flatMap((row) => (row.tenant === null ? [] : [row.tenant]));
  if (chosen !== null && !names.includes(chosen)) names.push(chosen);
  if (names.length === 0) return null;
  names.sort((a, b) => a.localeCompare(b));
  return (
    <Choice
      label={m.tenant}
      value={chosen ?? ''}
      all={m.allTenants}
      options={names.map((name) => ({ value: name, text: name }))}
      onChoose={(value) => setParams({ tenant: value })}
    />
  );
}

export function Filters({ children }: { children?: ComponentChildren }) {
  return (
    <div class="row wrap tools" role="group" aria-label={t.value.filter}>
      <ServiceChoice />
      <TenantChoice />
      {children}
    </div>
  );
}
