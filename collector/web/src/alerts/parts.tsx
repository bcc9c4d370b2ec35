// Small parts that the alerts' pages share: marks of a level, of a silence, of a role that is needed.

import { computed } from '@preact/signals';
import type { ComponentChildren } from 'preact';

import type { Alert } from '../api/alerts';
import { Select } from '../boards/fields';
import { t } from '../i18n/index';
import { fleet } from '../live/fleet';
import { may, role, roleWord, type Role } from '../state/roles';
import { setParams } from '../state/route';
import { session } from '../state/session';
import { Icon } from '../ui/icon';
import { levelLook } from './looks';
import { levelWord } from './text';
import { Sign } from './sign';
import { a } from './words';

/** Shape and colour, with the word for those who see neither. */
export function LevelIcon({ level, size = 18 }: { level: string; size?: number }) {
  const look = levelLook(level);
  const word = levelWord(level);
  return (
    <span class={`si ${look.class}`} title={word}>
      <Icon name={look.icon} size={size} />
      <span class="sr">{word}</span>
    </span>
  );
}

export function LevelBadge({ level, word }: { level: string; word?: string }) {
  const look = levelLook(level);
  return (
    <span class={`badge ${look.class}`}>
      <Icon name={look.icon} size={12} />
      {word ?? levelWord(level)}
    </span>
  );
}

/** Where there is little room the sign stands alone. */
interface Short {
  isShort?: boolean;
}

export function SilencedBadge({ isShort = false }: Short) {
  return (
    <span class="badge maint" title={isShort ? a.value.silenced : undefined}>
      <Sign name="mute" size={12} />
      <span class={isShort ? 'sr' : ''}>{a.value.silenced}</span>
    </span>
  );
}

/** It follows from another alert, as what runs on a machine that fell silent: people are told of that one. */
export function HeldBadge({ isShort = false }: Short) {
  return (
    <span class="badge unk" title={a.value.followsText} data-held>
      <Sign name="follows" size={12} />
      <span class={isShort ? 'sr' : ''}>{a.value.follows}</span>
    </span>
  );
}

/** Why an alert is not told of, when it is not. */
export function Untold({ alert, isShort = false }: { alert: Pick<Alert, 'silenced' | 'held'> } & Short) {
  if (!alert.silenced && alert.held !== true) return null;
  return (
    <span class="row al-untold">
      {alert.silenced && <SilencedBadge isShort={isShort} />}
      {alert.held === true && <HeldBadge isShort={isShort} />}
    </span>
  );
}

/** Why the signed-in person may not do something; undefined when they may. */
export function whyNot(needs: Role): string | undefined {
  return may(needs) ? undefined : t.value.roleNeeded(roleWord(needs), roleWord(role()));
}

/** The only tenant that the person sees; null: the whole house. */
export function boundTo(): string | null {
  const now = session.value;
  return now.state === 'in' ? (now.user.tenant ?? null) : null;
}

const tenants = computed(() => {
  const found = new Set<string>();
  for (const { row } of fleet.value.values()) if (row.value.tenant !== null) found.add(row.value.tenant);
  return [...found].sort((x, z) => x.localeCompare(z));
});

interface TenantProps {
  id: string;
  value: string;
  /** What no tenant stands for. */
  all: string;
  onChange: (tenant: string) => void;
}

/** Those that something was heard of, and the one that is set. */
export function TenantSelect({ id, value, all, onChange }: TenantProps) {
  const names = [...new Set([...tenants.value, value])].filter((one) => one !== '');
  return (
    <Select
      id={id}
      label={t.value.tenant}
      value={value}
      options={[['', all], ...names.map((one) => [one, one] as const)]}
      onChange={onChange}
    />
  );
}

interface ActProps {
  needs: Role;
  class?: string;
  label?: string | undefined;
  isBusy?: boolean;
  isOff?: boolean;
  onAct: () => void;
  children: ComponentChildren;
}

/** A button that says in its title which role it takes when the person has another. */
export function Act({ needs, class: extra = 'btn', label, isBusy = false, isOff = false, onAct, children }: ActProps) {
  const why = whyNot(needs);
  return (
    <button
      type="button"
      class={extra}
      disabled={why !== undefined || isBusy || isOff}
      aria-busy={isBusy}
      aria-label={label}
      title={why}
      onClick={onAct}
    >
      {children}
    </button>
  );
}

interface SwitchProps {
  label: string;
  isOn: boolean;
  refused?: string | undefined;
  onToggle: (isOn: boolean) => void;
}

export function Switch({ label, isOn, refused, onToggle }: SwitchProps) {
  return (
    <button
      type="button"
      class="switch"
      role="switch"
      aria-checked={isOn}
      aria-label={label}
      title={refused}
      disabled={refused !== undefined}
      onClick={() => onToggle(!isOn)}
    />
  );
}

/** On a phone the list makes room for what was chosen of it; this leads back. */
export function BackToList({ word }: { word: string }) {
  return (
    <button
      type="button"
      class="btn m-only al-back"
      onClick={() => setParams({ rule: null, channel: null, new: null, metric: null, resource: null, series: null })}
    >
      <Icon name="chevl" size={14} />
      {word}
    </button>
  );
}
