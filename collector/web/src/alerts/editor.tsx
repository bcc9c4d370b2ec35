// The editor of a rule: reads like a sentence, tries itself on the past, and keeps what somebody else saved meanwhile.

import { useEffect, useState } from 'preact/hooks';

import { rules, type Rule, type RuleRow } from '../api/alerts';
import { ApiError } from '../api/client';
import { Confirm } from '../cache/confirm';
import { refusal } from '../cache/refusal';
import { hhmm } from '../i18n/format';
import { t } from '../i18n/index';
import { setParams } from '../state/route';
import { Icon } from '../ui/icon';
import { LeaveGuard } from '../ui/leave';
import { RoleNote } from '../ui/role-note';
import { toast } from '../ui/toast';
import { Choose } from '../boards/choose';
import { Select, TextField } from '../boards/fields';
import { BackTestPart } from './backtest';
import { channelRows } from './channel-source';
import { draftOf, emptyDraft, faultsOf, MESSAGE_MAX, ruleOf, unitOf, type Apart, type Draft } from './draft';
import { unitSign } from './amount';
import { unitOfMetric } from './metric-source';
import { ruleName } from './names';
import { Act, boundTo, LevelBadge, TenantSelect, whyNot } from './parts';
import { reloadRules, rowOf, tookRule } from './rule-source';
import { Sentence, type PartProps } from './sentence';
import { Subject } from './subject';
import { r } from './rule-words';
import { a } from './words';

const CHANNELS_MAX = 20;
/** What of the address says which rule is open, and what a new one begins with. */
const RULE_PARAMS = ['rule', 'new', 'metric', 'resource', 'series', 'attribute'];
const RUNBOOK_MAX = 500;

/** What is finer than the sentence: coming back, no data, which series are one. */
function Details({ draft, change, faults, isLocked }: PartProps) {
  const m = r.value;
  const time = (id: string, label: string, name: 'resolveAfter' | 'noData', hint: string) => (
    <TextField
      id={id}
      label={label}
      hint={hint}
      value={draft[name]}
      fault={faults[name] ?? null}
      onInput={(text) => change({ [name]: text })}
    />
  );
  return (
    <details class="bt-more" open={['recovery', 'resolveAfter', 'noData'].some((name) => name in faults)}>
      <summary>{m.details}</summary>
      <fieldset class="group" disabled={isLocked}>
        <div class="f4">
          <TextField
            id="rule-recovery"
            label={`${m.recovery}${unitSign(unitOf(draft)) === '' ? '' : ` (${unitSign(unitOf(draft))})`}`}
            hint={m.recoveryHint}
            value={draft.recovery}
            fault={faults.recovery ?? null}
            onInput={(recovery) => change({ recovery })}
          />
          {time('rule-resolve', m.resolveAfter, 'resolveAfter', m.resolveAfterHint)}
          {time('rule-no-data', m.noData, 'noData', m.noDataHint)}
          {draft.watch === 'series' && (
            <Select
              id="rule-apart"
              label={m.apart}
              value={draft.apart}
              options={[
                ['all', m.apartAll],
                ['none', m.apartNone],
                ['named', m.apartNamed],
              ]}
              onChange={(apart) => change({ apart: apart as Apart })}
            />
          )}
        </div>
        {boundTo() === null && (
          <TenantSelect
            id="rule-tenant"
            value={draft.tenant}
            all={m.everyTenant}
            onChange={(tenant) => change({ tenant })}
          />
        )}
      </fieldset>
    </details>
  );
}

/** Who is told, how often, and what it says. */
function Telling({ draft, change, faults, isLocked }: PartProps) {
  const m = r.value;
  const all = channelRows.value ?? [];
  const nameOf = (id: string) => all.find((one) => one.id === id)?.name ?? id;
  return (
    <fieldset class="group" disabled={isLocked}>
      <legend class="sr">{m.telling}</legend>
      <div class="f2">
        <Choose
          id="rule-channels"
          label={m.channels}
          placeholder={m.findChannel}
          none={m.channelsAll}
          chosen={draft.channels}
          most={CHANNELS_MAX}
          textOf={nameOf}
          find={(query) =>
            all
              .filter(({ name }) => name.toLowerCase().includes(query.trim().toLowerCase()))
              .map(({ id, name, kind }) => ({ value: id, text: name, sub: kind }))
          }
          onChange={(channels) => change({ channels })}
        />
        <TextField
          id="rule-remind"
          label={m.remind}
          hint={m.remindHint}
          value={draft.remind}
          fault={faults.remind ?? null}
          onInput={(remind) => change({ remind })}
        />
      </div>
      <div class="f2">
        <div class="field">
          <label for="rule-message">{m.message}</label>
          <textarea
            id="rule-message"
            class="in area"
            rows={2}
            maxLength={MESSAGE_MAX}
            aria-describedby="rule-message-hint"
            value={draft.message}
            onInput={(event) => change({ message: event.currentTarget.value })}
          />
          <span class="hint" id="rule-message-hint">
            {m.messageHint}
          </span>
        </div>
        <TextField
          id="rule-runbook"
          label={a.value.runbook}
          hint={m.runbookHint}
          value={draft.runbook}
          fault={faults.runbook ?? null}
          most={RUNBOOK_MAX}
          onInput={(runbook) => change({ runbook })}
        />
      </div>
    </fieldset>
  );
}

function Head({ row, draft }: { row: RuleRow | null; draft: Draft }) {
  const m = r.value;
  return (
    <header class="al-head">
      <h2 id="al-rule">{row === null ? m.newRule : ruleName(draft.name)}</h2>
      {row !== null && row.firing > 0 && (
        <LevelBadge level={row.rule.warning === undefined ? 'critical' : 'warning'} word={m.firing} />
      )}
      {row !== null && row.origin !== 'own' && <span class="badge unk">{originWord(row)}</span>}
      {row?.updated != null && row.updated_by !== null && row.updated_by !== '' && (
        <span class="src">{m.savedBy(row.updated_by, hhmm(row.updated))}</span>
      )}
    </header>
  );
}

export function originWord(row: RuleRow): string {
  const m = r.value;
  return { builtin: m.originBuiltin, changed: m.originChanged, file: m.originFile, own: '' }[row.origin];
}

/** Deleting an own rule, or bringing a built-in one back to how it came. */
function Removing({ row, onClose }: { row: RuleRow; onClose: () => void }) {
  const m = r.value;
  const isOwn = row.origin === 'own';
  const { id } = row.rule;
  const name = ruleName(row.rule.name);
  return (
    <Confirm
      title={isOwn ? m.deleteTitle(name) : m.restoreTitle(name)}
      sub={isOwn ? m.deleteSub : m.restoreSub}
      facts={isOwn && row.firing > 0 ? [m.deleteFiring] : [isOwn ? m.deleteFact : m.restoreFact]}
      keep={m.keepRule}
      act={isOwn ? m.deleteRule : m.restoreRule}
      onAct={async () => {
        await rules.remove(id);
        if (isOwn) setParams({ rule: null, new: null }, true);
        await reloadRules();
        toast('ok', isOwn ? m.deleted(name) : m.restored(name));
        onClose();
      }}
      onClose={onClose}
    />
  );
}

interface Props {
  /** Null: a new one. */
  row: RuleRow | null;
  start: Draft | null;
}

function startOf({ row, start }: Props): Draft {
  if (start !== null) return start;
  if (row === null) return emptyDraft();
  const { condition } = row.rule;
  return draftOf(row.rule, condition.type === 'series' ? unitOfMetric(condition.metric) : '');
}

/** Why nothing can be changed; undefined when it can. */
function lockOf(row: RuleRow | null): string | undefined {
  return row?.origin === 'file' ? r.value.fileLocked : whyNot('admin');
}

/** Keeps it, on the revision that it was made of. */
async function store(rule: Rule, base: RuleRow | null, onMade: (made: RuleRow) => void): Promise<void> {
  const made = base === null ? await rules.create(rule) : await rules.save(rule, base.revision);
  onMade(made);
  tookRule(made);
  toast('ok', r.peek().saved(ruleName(made.rule.name)));
  setParams({ rule: made.rule.id, new: null, metric: null, resource: null, series: null, attribute: null }, true);
}

export function Editor(props: Props) {
  const { row } = props;
  const m = r.value;
  const [draft, set] = useState(() => startOf(props));
  // What the draft was made of: a newer one that somebody else saved must not slip under it.
  const [base, rebase] = useState(row);
  const [isDirty, dirty] = useState(false);
  const [isTried, tried] = useState(false);
  const [failure, fail] = useState<string | null>(null);
  const [isTaken, taken] = useState(false);
  const [isBusy, busy] = useState(false);
  const [isRemoving, remove] = useState(false);
  const lock = lockOf(row);
  const isLocked = lock !== undefined;
  const all = faultsOf(draft);
  const faults = isTried ? all : {};
  const change = (some: Partial<Draft>) => {
    set((old) => ({ ...old, ...some }));
    dirty(true);
    fail(null);
  };
  const take = (newer: RuleRow | null) => {
    rebase(newer);
    set(startOf({ row: newer, start: null }));
    dirty(false);
    taken(false);
    fail(null);
  };
  useEffect(() => {
    if (!isDirty && row !== null && row.revision !== base?.revision) take(row);
  }, [row?.revision, isDirty]);
  const part: PartProps = { draft, change, faults, isLocked };
  const save = async (event: Event) => {
    event.preventDefault();
    tried(true);
    if (Object.keys(all).length > 0 || isLocked) return;
    busy(true);
    try {
      await store(ruleOf(draft), base, take);
      busy(false);
    } catch (error) {
      busy(false);
      const code = error instanceof ApiError ? error.code : null;
      taken(code === 'changed');
      fail(code === 'changed' ? m.changedMeanwhile : code === 'exists' ? m.nameTaken : refusal(error));
    }
  };
  return (
    <section class="card c8" aria-labelledby="al-rule" data-rule={row?.rule.id ?? 'new'}>
      <form onSubmit={(event) => void save(event)} noValidate>
        <Head row={row} draft={draft} />
        <div class="b al-form">
          {lock !== undefined && row?.origin === 'file' && (
            <p class="note infoc">
              <Icon name="info" size={15} />
              <span class="grow">{lock}</span>
            </p>
          )}
          <fieldset class="group" disabled={isLocked}>
            <legend class="sr">{m.watch}</legend>
            <Subject {...part} />
          </fieldset>
          <Sentence {...part} />
          <BackTestPart draft={draft} change={change} isLocked={isLocked} />
          <Details {...part} />
          <Telling {...part} />
          {failure !== null && (
            <p class="note crit" role="alert">
              <Icon name="crit" size={15} />
              <span class="grow">{failure}</span>
              {isTaken && (
                <button
                  type="button"
                  class="btn sm"
                  onClick={() => void reloadRules().then(() => take(rowOf(row?.rule.id ?? null)))}
                >
                  {m.takeTheirs}
                </button>
              )}
            </p>
          )}
          {isTried && Object.keys(all).length > 0 && (
            <p class="hint crit" role="alert">
              {m.hasFaults}
            </p>
          )}
          <RoleNote id="rule-role" needs="admin" />
        </div>
        <footer>
          {row !== null && (row.origin === 'own' || row.origin === 'changed') && (
            <Act needs="admin" class={`btn ${row.origin === 'own' ? 'danger' : ''}`} onAct={() => remove(true)}>
              <Icon name={row.origin === 'own' ? 'trash' : 'undo'} size={14} />
              {row.origin === 'own' ? m.deleteRule : m.restoreRule}
            </Act>
          )}
          <span class="grow" />
          <button type="submit" class="btn pri" disabled={isLocked || isBusy} aria-busy={isBusy} title={lock}>
            {isBusy ? t.value.actRunning : m.saveRule}
          </button>
        </footer>
      </form>
      <LeaveGuard
        title={m.leaveTitle}
        text={m.leaveRule}
        act={m.leave}
        keep={m.stay}
        of={RULE_PARAMS}
        isDirty={() => isDirty}
      />
      {isRemoving && row !== null && <Removing row={row} onClose={() => remove(false)} />}
    </section>
  );
}
