// The form of a channel: what its kind needs, whom and when it tells, and a test that shows what the channel said.

import { useState } from 'preact/hooks';

import { channels, type Channel, type ChannelKind, type Tried } from '../api/alerts';
import { Confirm } from '../cache/confirm';
import { refusal } from '../cache/refusal';
import { t } from '../i18n/index';
import { setParams } from '../state/route';
import { Icon } from '../ui/icon';
import { LeaveGuard } from '../ui/leave';
import { RoleNote } from '../ui/role-note';
import { toast } from '../ui/toast';
import { Select, TextField } from '../boards/fields';
import {
  channelFaults,
  channelForm,
  channelOrder,
  emptyChannel,
  fieldsOf,
  KINDS,
  kindWord,
  quietDays,
  withKind,
  type ChannelForm,
  type SettingField,
} from './channel-form';
import { channelRows, reloadChannels } from './channel-source';
import { WeekFields } from './hours';
import { Act, boundTo, Switch, TenantSelect, whyNot } from './parts';
import { Sign } from './sign';
import { r } from './rule-words';

const NAME_MAX = 128;
const VALUE_MAX = 2_000;
/** What of the address says which channel is open. */
const CHANNEL_PARAMS = ['channel', 'new'];

interface PartProps {
  form: ChannelForm;
  change: (some: Partial<ChannelForm>) => void;
  faults: Record<string, string>;
}

function choiceWord(option: string): string {
  const m = r.value;
  const words: Record<string, string> = {
    starttls: 'STARTTLS',
    tls: 'TLS',
    none: m.securityNone,
    meta: 'Meta Cloud API',
    evolution: 'Evolution API',
    waha: 'WAHA',
    farol: m.formatFarol,
    template: m.formatTemplate,
    alertmanager: 'Alertmanager',
  };
  return words[option] ?? option;
}

function SettingInput({ field, form, change, faults }: PartProps & { field: SettingField }) {
  const m = r.value;
  const id = `channel-s-${field.name}`;
  const value = form.settings[field.name] ?? '';
  const isKept = field.isSecret === true && form.kept.has(field.name);
  const fault = faults[`s-${field.name}`] ?? null;
  const label = field.isOptional === true ? m.optional(m[field.label]) : m[field.label];
  const hints = [isKept ? m.secretKept : '', field.hint === undefined ? '' : m[field.hint]];
  const note = fault ?? hints.filter(Boolean).join(' ');
  const set = (text: string) => change({ settings: { ...form.settings, [field.name]: text } });
  if (field.type === 'choice') {
    const options = (field.options ?? []).map((one) => [one, choiceWord(one)] as const);
    return <Select id={id} label={label} value={value} options={options} onChange={set} />;
  }
  const props = {
    id,
    value,
    maxLength: VALUE_MAX,
    autocomplete: 'off' as const,
    spellcheck: false,
    'aria-invalid': fault !== null,
    'aria-describedby': note === '' ? undefined : `${id}-hint`,
    placeholder: isKept ? '••••••••' : field.placeholder,
  };
  const isLong = field.type === 'area' || field.type === 'headers';
  return (
    <div class={`field ${isLong ? 'al-wide' : ''}`}>
      <label for={id}>{label}</label>
      {isLong ? (
        <textarea {...props} class="in area mono" rows={4} onInput={(event) => set(event.currentTarget.value)} />
      ) : (
        <span class={`in ${fault === null ? '' : 'bad'}`}>
          <input
            {...props}
            {...(field.isSecret === true
              ? { type: 'password' as const, autocomplete: 'new-password' as const }
              : { type: 'text' as const })}
            autocapitalize="none"
            onInput={(event) => set(event.currentTarget.value)}
          />
        </span>
      )}
      {note !== '' && (
        <span class={`hint ${fault === null ? '' : 'crit'}`} id={`${id}-hint`}>
          {note}
        </span>
      )}
    </div>
  );
}

/** When it keeps still, and who is told when it does not answer or nobody does. */
function Habits({ form, change, faults, self }: PartProps & { self: string | null }) {
  const m = r.value;
  const others = (channelRows.value ?? []).filter(({ id }) => id !== self).map(({ id, name }) => [id, name] as const);
  const select = (id: string, label: string, key: 'fallback' | 'escalateTo') => (
    <Select
      id={id}
      label={label}
      value={form[key]}
      options={[['', m.nobody], ...others]}
      onChange={(value) => change({ [key]: value })}
    />
  );
  return (
    <>
      <div class="f2">
        <Select
          id="channel-level"
          label={m.levels}
          value={form.level}
          options={[
            ['warning', m.levelsAll],
            ['critical', m.levelsCritical],
          ]}
          onChange={(level) => change({ level: level as ChannelForm['level'] })}
        />
        <Select
          id="channel-language"
          label={t.value.language}
          value={form.language}
          options={[
            ['pt-BR', 'Português (Brasil)'],
            ['en', 'English'],
          ]}
          onChange={(language) => change({ language: language as ChannelForm['language'] })}
        />
        {boundTo() === null && (
          <TenantSelect
            id="channel-tenant"
            value={form.tenant}
            all={m.everyTenant}
            onChange={(tenant) => change({ tenant })}
          />
        )}
        {select('channel-fallback', m.fallback, 'fallback')}
        {select('channel-escalate', m.escalateTo, 'escalateTo')}
        {form.escalateTo !== '' && (
          <TextField
            id="channel-escalate-after"
            label={m.escalateAfter}
            mode="decimal"
            value={form.escalateAfter}
            fault={faults['escalateAfter'] ?? null}
            onInput={(escalateAfter) => change({ escalateAfter })}
          />
        )}
      </div>
      <div class="row">
        <span class="grow">
          <span class="lbl">{m.quiet}</span>
          <span class="hint al-reason">{form.quiet.critical === false ? m.quietAllHint : m.quietHint}</span>
        </span>
        <Switch label={m.quiet} isOn={form.isQuiet} onToggle={(isQuiet) => change({ isQuiet })} />
      </div>
      {form.isQuiet && (
        <WeekFields
          id="channel-quiet"
          days={quietDays(form.quiet)}
          start={form.quiet.start}
          end={form.quiet.end}
          onChange={(some) => change({ quiet: { ...form.quiet, ...some } })}
        />
      )}
    </>
  );
}

/** What the channel answered, as it said it. */
function Answered({ tried }: { tried: Tried }) {
  const m = r.value;
  return (
    <p class={`note ${tried.delivered ? 'infoc' : 'crit'}`} role="status" data-tried={String(tried.delivered)}>
      <Icon name={tried.delivered ? 'check' : 'crit'} size={15} />
      <span class="grow anywhere">
        <b>{tried.delivered ? m.testDelivered : m.testFailed}</b>
        {tried.detail !== '' && ` ${tried.detail}`}
      </span>
    </p>
  );
}

function Removing({ channel, onClose }: { channel: Channel; onClose: () => void }) {
  const m = r.value;
  return (
    <Confirm
      title={m.deleteChannelTitle(channel.name)}
      sub={m.deleteSub}
      facts={[channel.waiting > 0 ? m.countWaiting(String(channel.waiting), channel.waiting) : m.deleteChannelFact]}
      keep={m.keepChannel}
      act={m.deleteChannel}
      onAct={async () => {
        await channels.remove(channel.id);
        setParams({ channel: null }, true);
        await reloadChannels();
        toast('ok', m.deleted(channel.name));
        onClose();
      }}
      onClose={onClose}
    />
  );
}

type Doing = 'test' | 'save' | null;

/** The deeds of the form: each says what was wrong, and takes the newest list in. */
function useDeeds(form: ChannelForm, channel: Channel | null, isChanged: boolean, onSaved: (made: Channel) => void) {
  const [doing, go] = useState<Doing>(null);
  const [failure, fail] = useState<string | null>(null);
  const [tried, told] = useState<Tried | null>(null);
  const order = () => channelOrder(form, channel?.id);
  const run = async (what: Doing, deed: () => Promise<void>) => {
    go(what);
    fail(null);
    told(null);
    try {
      await deed();
    } catch (error) {
      fail(refusal(error));
    }
    go(null);
  };
  const test = () =>
    run('test', async () => {
      told(await (channel !== null && !isChanged ? channels.test(channel.id) : channels.tryOut(order())));
      void reloadChannels();
    });
  const save = () =>
    run('save', async () => {
      const made = await (channel === null ? channels.create(order()) : channels.save(channel.id, order()));
      await reloadChannels();
      onSaved(made);
      toast('ok', r.peek().saved(made.name));
      setParams({ channel: made.id, new: null }, true);
    });
  return { doing, failure, tried, test, save };
}

function Fields({
  form,
  set,
  change,
  faults,
  channel,
}: PartProps & { set: (form: ChannelForm) => void; channel: Channel | null }) {
  const m = r.value;
  return (
    <>
      <div class="f2">
        <TextField
          id="channel-name"
          label={m.name}
          value={form.name}
          fault={faults['name'] ?? null}
          most={NAME_MAX}
          onInput={(name) => change({ name })}
        />
        {channel === null && (
          <Select
            id="channel-kind"
            label={m.kind}
            value={form.kind}
            options={KINDS.map((kind) => [kind, kindWord(kind)] as const)}
            onChange={(kind) => set(withKind(form, kind as ChannelKind))}
          />
        )}
      </div>
      <div class="f2">
        {fieldsOf(form).map((field) => (
          <SettingInput key={`${form.kind} ${field.name}`} field={field} form={form} change={change} faults={faults} />
        ))}
      </div>
      <Habits form={form} change={change} faults={faults} self={channel?.id ?? null} />
    </>
  );
}

export function ChannelEditor({ channel }: { channel: Channel | null }) {
  const m = r.value;
  const [form, set] = useState(() => (channel === null ? emptyChannel() : channelForm(channel)));
  const [isDirty, dirty] = useState(false);
  const [isTried, tried] = useState(false);
  const [isRemoving, remove] = useState(false);
  const isFile = channel?.origin === 'file';
  const lock = isFile ? m.fileLocked : whyNot('admin');
  const all = channelFaults(form);
  const faults = isTried ? all : {};
  const deeds = useDeeds(form, channel, channel === null || isDirty, (made) => {
    set(channelForm(made));
    dirty(false);
  });
  const take = (next: ChannelForm) => {
    set(next);
    dirty(true);
  };
  const change = (some: Partial<ChannelForm>) => take({ ...form, ...some });
  const check = (deed: () => Promise<void>) => {
    tried(true);
    if (Object.keys(all).length === 0) void deed();
  };
  const onSubmit = (event: Event) => {
    event.preventDefault();
    if (lock === undefined) check(deeds.save);
  };
  return (
    <section class="card" aria-labelledby="al-channel">
      <form noValidate onSubmit={onSubmit}>
        <header class="al-head">
          <h2 id="al-channel">{channel === null ? m.newChannel : channel.name}</h2>
          {channel !== null && <span class="src">{kindWord(channel.kind)}</span>}
          <span class="end">
            <Switch
              label={m.onOff(form.name === '' ? m.channel : form.name)}
              isOn={form.enabled}
              refused={lock}
              onToggle={(enabled) => change({ enabled })}
            />
          </span>
        </header>
        <div class="b al-form">
          {isFile && (
            <p class="note infoc">
              <Icon name="info" size={15} />
              <span class="grow">{m.fileLocked}</span>
            </p>
          )}
          {channel?.broken != null && (
            <p class="note crit">
              <Icon name="crit" size={15} />
              <span class="grow">{channel.broken}</span>
            </p>
          )}
          <fieldset class="group" disabled={lock !== undefined}>
            <legend class="sr">{m.channel}</legend>
            <Fields form={form} set={take} change={change} faults={faults} channel={channel} />
          </fieldset>
          {deeds.tried !== null && <Answered tried={deeds.tried} />}
          {deeds.failure !== null && (
            <p class="note crit" role="alert">
              <Icon name="crit" size={15} />
              <span class="grow">{deeds.failure}</span>
            </p>
          )}
          <RoleNote id="channel-role" needs="admin" />
        </div>
        <footer>
          {channel !== null && !isFile && (
            <Act needs="admin" class="btn danger" onAct={() => remove(true)}>
              <Icon name="trash" size={14} />
              {m.deleteChannel}
            </Act>
          )}
          <span class="grow" />
          <Act needs="admin" isBusy={deeds.doing === 'test'} onAct={() => check(deeds.test)}>
            <Sign name="send" size={14} />
            {deeds.doing === 'test' ? t.value.actRunning : m.sendTest}
          </Act>
          <button
            type="submit"
            class="btn pri"
            disabled={lock !== undefined || deeds.doing !== null}
            aria-busy={deeds.doing === 'save'}
            title={lock}
          >
            {deeds.doing === 'save' ? t.value.actRunning : m.saveChannel}
          </button>
        </footer>
      </form>
      <LeaveGuard
        title={m.leaveTitle}
        text={m.leaveChannel}
        act={m.leave}
        keep={m.stay}
        of={CHANNEL_PARAMS}
        isDirty={() => isDirty}
      />
      {isRemoving && channel !== null && <Removing channel={channel} onClose={() => remove(false)} />}
    </section>
  );
}
