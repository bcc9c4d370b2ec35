// A key figure in a row of such: its name, the figure with its unit, a sign where it is bad, a line below.

import type { ComponentChildren } from 'preact';

import { Icon } from './icon';

interface Props {
  label: string;
  value: string;
  unit?: string;
  state?: '' | 'warn' | 'crit';
  title?: string | undefined;
  /** The line below; its room is kept when it is empty. */
  note?: ComponentChildren;
  children?: ComponentChildren;
}

export function Kpi({ label, value, unit, state = '', title, note = '', children }: Props) {
  return (
    <div class="kpi" title={title}>
      <div class="row sub">
        {label}
        {state !== '' && (
          <span class={state}>
            <Icon name={state} size={13} />
          </span>
        )}
      </div>
      <div class="stat-v">
        {value}
        {unit !== undefined && <small>{unit}</small>}
      </div>
      {children}
      <div class="kpi-foot sub tn ell">{note}</div>
    </div>
  );
}
