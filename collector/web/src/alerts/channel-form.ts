// Kinds of channels with the fields that each needs, what stands in them, and the order that comes of it.
//
// A secret is never told by the collector: a field left empty keeps the one that is set.

import type { Channel, ChannelKind, ChannelOrder, QuietHours, Setting } from '../api/alerts';
import { lang } from '../i18n/index';
import { r } from './rule-words';

type Labels = typeof r.value;

export interface SettingField {
  name: string;
  label: keyof Labels & `set${string}`;
  type: 'text' | 'number' | 'topic' | 'list' | 'choice' | 'area' | 'headers';
  isSecret?: boolean;
  isOptional?: boolean;
  hint?: keyof Labels & `hint${string}`;
  placeholder?: string;
  options?: readonly string[];
  /** What stands there in a new channel. */
  start?: string;
  /** Only there while another field has one of these values. */
  only?: readonly [name: string, values: readonly string[]];
}

const address = (isOptional = false, hint?: SettingField['hint']): SettingField => ({
  name: 'url',
  label: 'setAddress',
  type: 'text',
  isOptional,
  placeholder: 'https://',
  ...(hint === undefined ? {} : { hint }),
});

const secretAddress = (hint: SettingField['hint'] & string): SettingField => ({
  ...address(false, hint),
  isSecret: true,
});

const META = ['meta'] as const;
const GATEWAYS = ['evolution', 'waha'] as const;

export const FIELDS: Record<ChannelKind, readonly SettingField[]> = {
  email: [
    { name: 'host', label: 'setHost', type: 'text', placeholder: 'smtp.example.com' },
    { name: 'port', label: 'setPort', type: 'number', start: '587', isOptional: true },
    { name: 'security', label: 'setSecurity', type: 'choice', options: ['starttls', 'tls', 'none'], start: 'starttls' },
    { name: 'username', label: 'setUsername', type: 'text', isOptional: true },
    { name: 'password', label: 'setPassword', type: 'text', isSecret: true, isOptional: true },
    { name: 'from', label: 'setFrom', type: 'text', placeholder: 'Farol <farol@example.com>' },
    { name: 'to', label: 'setTo', type: 'list', hint: 'hintList' },
  ],
  slack: [secretAddress('hintSlack')],
  discord: [secretAddress('hintDiscord')],
  teams: [secretAddress('hintTeams')],
  telegram: [
    { name: 'token', label: 'setToken', type: 'text', isSecret: true, hint: 'hintTelegram' },
    { name: 'chat', label: 'setChat', type: 'text', placeholder: '-1001234567890' },
    { name: 'thread', label: 'setThread', type: 'topic', isOptional: true },
    address(true, 'hintOwnServer'),
  ],
  whatsapp: [
    { name: 'provider', label: 'setProvider', type: 'choice', options: ['meta', 'evolution', 'waha'], start: 'meta' },
    { ...address(false, 'hintGateway'), only: ['provider', GATEWAYS] },
    { name: 'token', label: 'setToken', type: 'text', isSecret: true },
    { name: 'phone_id', label: 'setPhoneId', type: 'text', only: ['provider', META] },
    { name: 'instance', label: 'setInstance', type: 'text', only: ['provider', ['evolution']] },
    { name: 'session', label: 'setSession', type: 'text', start: 'default', only: ['provider', ['waha']] },
    { name: 'to', label: 'setWhatsTo', type: 'text', placeholder: '5511999999999' },
    {
      name: 'template',
      label: 'setTemplate',
      type: 'text',
      isOptional: true,
      hint: 'hintMeta',
      only: ['provider', META],
    },
  ],
  ntfy: [
    { ...address(), start: 'https://ntfy.sh' },
    { name: 'topic', label: 'setTopic', type: 'text' },
    { name: 'token', label: 'setToken', type: 'text', isSecret: true, isOptional: true },
  ],
  pagerduty: [
    { name: 'routing_key', label: 'setRoutingKey', type: 'text', isSecret: true, hint: 'hintPagerduty' },
    address(true, 'hintOwnServer'),
  ],
  webhook: [
    secretAddress('hintWebhook'),
    {
      name: 'format',
      label: 'setFormat',
      type: 'choice',
      options: ['farol', 'template', 'alertmanager'],
      start: 'farol',
    },
    { name: 'template', label: 'setBody', type: 'area', only: ['format', ['template']] },
    { name: 'secret', label: 'setSecret', type: 'text', isSecret: true, isOptional: true, hint: 'hintSignature' },
    { name: 'headers', label: 'setHeaders', type: 'headers', isSecret: true, isOptional: true, hint: 'hintHeaders' },
  ],
};

export const KINDS = Object.keys(FIELDS) as ChannelKind[];

/** Names of products are the same in every language. */
export function kindWord(kind: ChannelKind): string {
  const names: Record<ChannelKind, string> = {
    email: r.value.kindEmail,
    slack: 'Slack',
    discord: 'Discord',
    telegram: 'Telegram',
    whatsapp: 'WhatsApp',
    teams: 'Microsoft Teams',
    ntfy: 'ntfy',
    pagerduty: 'PagerDuty',
    webhook: 'Webhook',
  };
  return names[kind];
}

export interface ChannelForm {
  name: string;
  kind: ChannelKind;
  enabled: boolean;
  tenant: string;
  language: 'pt-BR' | 'en';
  level: 'warning' | 'critical';
  isQuiet: boolean;
  quiet: QuietHours;
  fallback: string;
  escalateTo: string;
  /** Minutes. */
  escalateAfter: string;
  /** Where its readers are, in minutes ahead of UTC. */
  offset: number | null;
  settings: Record<string, string>;
  /** Secrets that the collector has. */
  kept: ReadonlySet<string>;
  /** Settings as the collector has them: those that the form does not show go back as they came. */
  had: Readonly<Record<string, Setting>>;
}

const ESCALATE_MIN = '15';
const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7];

/** The days on which quiet hours begin: every one where none is named. */
export function quietDays({ days = [] }: QuietHours): readonly number[] {
  return days.length === 0 ? EVERY_DAY : days;
}

function startSettings(kind: ChannelKind): Record<string, string> {
  return Object.fromEntries(FIELDS[kind].map(({ name, start = '' }) => [name, start]));
}

export function emptyChannel(kind: ChannelKind = 'email'): ChannelForm {
  return {
    name: '',
    kind,
    enabled: true,
    tenant: '',
    language: lang.peek(),
    level: 'warning',
    isQuiet: false,
    quiet: { start: '22:00', end: '07:00', offset_min: -new Date().getTimezoneOffset(), days: [...EVERY_DAY] },
    fallback: '',
    escalateTo: '',
    escalateAfter: ESCALATE_MIN,
    offset: -new Date().getTimezoneOffset(),
    settings: startSettings(kind),
    kept: new Set(),
    had: {},
  };
}

/** Another kind: what belonged to the one before goes. */
export function withKind(form: ChannelForm, kind: ChannelKind): ChannelForm {
  return { ...form, kind, settings: startSettings(kind), kept: new Set(), had: {} };
}

function isSet(value: Setting | undefined): boolean {
  return typeof value === 'object' && 'set' in value && value.set === true;
}

function text(value: Setting | undefined): string {
  if (value === undefined || isSet(value)) return '';
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'object' ? '' : String(value);
}

/** What stands in a field; a choice that nobody made is the usual one. */
function shown({ name, type, start = '' }: SettingField, settings: Readonly<Record<string, Setting>>): string {
  return text(settings[name]) || (type === 'choice' ? start : '');
}

export function channelForm(channel: Channel): ChannelForm {
  const start = emptyChannel(channel.kind);
  const { settings, quiet } = channel;
  return {
    ...start,
    name: channel.name,
    enabled: channel.enabled,
    tenant: channel.tenant ?? '',
    language: channel.language,
    level: channel.min_level,
    isQuiet: quiet !== null,
    quiet: quiet ?? start.quiet,
    fallback: channel.fallback ?? '',
    escalateTo: channel.escalate_to ?? '',
    escalateAfter: channel.escalate_after_s == null ? ESCALATE_MIN : String(channel.escalate_after_s / 60),
    offset: channel.offset_min ?? null,
    settings: Object.fromEntries(FIELDS[channel.kind].map((field) => [field.name, shown(field, settings)])),
    kept: new Set(Object.keys(settings).filter((name) => isSet(settings[name]))),
    had: settings,
  };
}

/** The fields that the form shows as it stands. */
export function fieldsOf(form: ChannelForm): SettingField[] {
  return FIELDS[form.kind].filter(({ only }) => only === undefined || only[1].includes(form.settings[only[0]] ?? ''));
}

/** What the collector has and the form does not show: a file or another program wrote it. It goes with the choice that it was for. */
function unseen(form: ChannelForm): Record<string, Setting> {
  const seen = new Set(fieldsOf(form).map(({ name }) => name));
  const isOther = (field: SettingField) =>
    FIELDS[form.kind].some(({ only }) => only?.[0] === field.name) &&
    shown(field, form.had) !== form.settings[field.name];
  if (FIELDS[form.kind].some(isOther)) return {};
  return Object.fromEntries(Object.entries(form.had).filter(([name]) => !seen.has(name)));
}

const HEADERS_MAX = 20;

/** "Name: value", one a line; null when a line is something else. */
export function readHeaders(written: string): Record<string, string> | null {
  const found: Record<string, string> = {};
  const lines = written.split('\n').filter((line) => line.trim() !== '');
  for (const line of lines) {
    const [, name, value] = /^\s*([\w-]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return null;
    found[name] = value;
  }
  return lines.length > HEADERS_MAX ? null : found;
}

function settingOf(field: SettingField, form: ChannelForm): Setting | undefined {
  const value = (form.settings[field.name] ?? '').trim();
  if (value === '') return field.isSecret === true && form.kept.has(field.name) ? { set: true } : undefined;
  switch (field.type) {
    case 'number':
    case 'topic':
      return Number(value);
    case 'list':
      return value.split(/[,;\s]+/).filter((part) => part !== '');
    case 'headers':
      return readHeaders(value) ?? undefined;
    default:
      return value;
  }
}

/** What is wrong with a form, by the name of the field; `name` and `escalateAfter` are the form's own. */
export function channelFaults(form: ChannelForm): Record<string, string> {
  const m = r.peek();
  const faults: Record<string, string> = {};
  if (form.name.trim() === '') faults['name'] = m.needsName;
  const minutes = Number(form.escalateAfter.replace(',', '.'));
  if (form.escalateTo !== '' && !(minutes >= 1)) faults['escalateAfter'] = m.notMinutes;
  for (const field of fieldsOf(form)) {
    const value = (form.settings[field.name] ?? '').trim();
    const isKept = field.isSecret === true && form.kept.has(field.name);
    if (value === '') {
      if (field.isOptional !== true && !isKept) faults[`s-${field.name}`] = m.needsValue;
      continue;
    }
    if (field.type === 'number' && !/^\d{1,5}$/.test(value)) faults[`s-${field.name}`] = m.notPort;
    if (field.type === 'topic' && !/^-?\d{1,15}$/.test(value)) faults[`s-${field.name}`] = m.notAmount;
    if (field.name === 'url' && !/^https?:\/\/\S+$/.test(value)) faults[`s-${field.name}`] = m.notAddress;
    if (field.type === 'headers' && readHeaders(value) === null) faults[`s-${field.name}`] = m.notHeaders;
  }
  return faults;
}

export function channelOrder(form: ChannelForm, id?: string): ChannelOrder {
  const settings = unseen(form);
  const minutes = Number(form.escalateAfter.replace(',', '.'));
  for (const field of fieldsOf(form)) {
    const value = settingOf(field, form);
    if (value !== undefined) settings[field.name] = value;
  }
  return {
    ...(id === undefined ? {} : { id }),
    name: form.name.trim(),
    kind: form.kind,
    enabled: form.enabled,
    tenant: form.tenant === '' ? null : form.tenant,
    language: form.language,
    min_level: form.level,
    quiet: form.isQuiet ? form.quiet : null,
    fallback: form.fallback === '' ? null : form.fallback,
    escalate_to: form.escalateTo === '' ? null : form.escalateTo,
    // Nobody sees it while nobody is chosen: then it goes back as it came.
    ...(minutes >= 1 ? { escalate_after_s: Math.round(minutes * 60) } : {}),
    offset_min: form.offset,
    settings,
  };
}
