// The rules: what each judges in a sentence, whether it is on and fires; and one of them in the editor beside the list.

import { useEffect, useState } from 'preact/hooks';

import { rules, type RuleRow } from '../api/alerts';
import { ApiError } from '../api/client';
import { refusal } from '../cache/refusal';
import { num } from '../i18n/format';
import { param, route, setParams } from '../state/route';
import { Failed } from '../ui/card';
import { Icon, type IconName } from '../ui/icon';
import { Empty, Skeleton } from '../ui/parts';
import { toast } from '../ui/toast';
import type { Draft } from './draft';
import { Editor, originWord } from './editor';
import { metricRows, metricsFailure, reloadMetrics, unitOfMetric } from './metric-source';
import { ruleName } from './names';
import { Act, BackToList, Switch, whyNot } from './parts';
import { reloadRules, rowOf, ruleRows, rulesFailure, tookRule } from './rule-source';
import { alertsChanged } from './source';
import { scopeText, sentence } from './rule-text';
import { wished } from './wish';
import { r } from './rule-words';

type Look = ['crit' | 'warn' | 'ok' | 'unk', IconName];

function lookOf({ rule, firing, pending }: RuleRow): Look {
  if (!rule.enabled) return ['unk', 'ghost'];
  if (firing > 0) return rule.warning === undefined ? ['crit', 'crit'] : ['warn', 'warn'];
  return pending > 0 ? ['unk', 'clock'] : ['ok', 'check'];
}

function stateWord({ rule, firing, pending }: RuleRow): string {
  const m = r.value;
  if (!rule.enabled) return m.isOff;
  if (firing > 0) return m.countFiring(num(firing));
  return pending > 0 ? m.countPending(num(pending)) : m.isQuiet;
}

/** Turns a rule on or off, in place. */
async function toggle(row: RuleRow, enabled: boolean): Promise<void> {
  try {
    tookRule(await rules.save({ ...row.rule, enabled }, row.revision));
    toast('ok', enabled ? r.peek().turnedOn(ruleName(row.rule.name)) : r.peek().turnedOff(ruleName(row.rule.name)));
    alertsChanged();
  } catch (error) {
    const isTaken = error instanceof ApiError && error.code === 'changed';
    toast('crit', isTaken ? r.peek().changedMeanwhile : refusal(error));
    void reloadRules();
  }
}

function RuleItem({ row, isChosen }: { row: RuleRow; isChosen: boolean }) {
  const m = r.value;
  const { rule } = row;
  const name = ruleName(rule.name);
  const [look, icon] = lookOf(row);
  const word = stateWord(row);
  const unit = rule.condition.type === 'series' ? unitOfMetric(rule.condition.metric) : '';
  const text = sentence(rule, unit);
  const origin = originWord(row);
  const refused = row.origin === 'file' ? m.fileLocked : whyNot('admin');
  return (
    <li class={`al nw ${isChosen ? 'on' : ''}`} data-rule-row={rule.id} data-firing={row.firing}>
      <span class={`si ${look}`} title={word}>
        <Icon name={icon} size={16} />
        <span class="sr">{word}</span>
      </span>
      <button
        class="al-t"
        aria-pressed={isChosen}
        onClick={() =>
          setParams({ rule: rule.id, new: null, metric: null, resource: null, series: null, attribute: null })
        }
      >
        <span class={`ell strong ${rule.enabled ? '' : 'muted'}`}>{name}</span>
        <span class="sub al-sent" title={text}>
          {text}
        </span>
        <span class="sub ell faint">{[scopeText(rule.condition.resources), origin].filter(Boolean).join(' · ')}</span>
      </button>
      <Switch label={m.onOff(name)} isOn={rule.enabled} refused={refused} onToggle={(isOn) => void toggle(row, isOn)} />
    </li>
  );
}

const FOUND_FROM = 12;

function byName(x: RuleRow, z: RuleRow): number {
  return ruleName(x.rule.name).localeCompare(ruleName(z.rule.name));
}

function List({ chosen }: { chosen: string | null }) {
  const m = r.value;
  const [query, ask] = useState('');
  const rows = ruleRows.value;
  if (rows === null) {
    if (rulesFailure.value !== null) return <Failed text={rulesFailure.value} onRetry={() => void reloadRules()} />;
    return (
      <div class="pad">
        <Skeleton height={320} />
      </div>
    );
  }
  const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows
    .filter(({ rule }) => {
      const text = `${rule.name} ${ruleName(rule.name)} ${sentence(rule, '')}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .sort((x, z) => Number(z.firing > 0) - Number(x.firing > 0) || byName(x, z));
  return (
    <>
      {rows.length >= FOUND_FROM && (
        <span class="in al-find">
          <Icon name="search" size={14} />
          <input
            type="search"
            aria-label={m.findRule}
            placeholder={m.findRule}
            value={query}
            onInput={(event) => ask(event.currentTarget.value)}
          />
        </span>
      )}
      {rows.length === 0 && <Empty icon="bell" title={m.noRules} text={m.noRulesText} />}
      <ul aria-label={m.rules}>
        {found.map((row) => (
          <RuleItem key={row.rule.id} row={row} isChosen={row.rule.id === chosen} />
        ))}
      </ul>
    </>
  );
}

/** The draft that a link asks for: it needs to look up series first. */
function NewEditor() {
  const [start, begin] = useState<Draft | null>(null);
  const [failure, fail] = useState<string | null>(null);
  useEffect(() => {
    const aborter = new AbortController();
    wished(route.peek().params, aborter.signal).then(begin, (error: unknown) => {
      if (!aborter.signal.aborted) fail(refusal(error));
    });
    return () => aborter.abort();
  }, []);
  if (failure !== null) return <Editor row={null} start={null} />;
  if (start === null) return <Waiting />;
  return <Editor row={null} start={start} />;
}

function Waiting() {
  return (
    <section class="card c8">
      <div class="b">
        <Skeleton height={480} />
      </div>
    </section>
  );
}

function Chosen({ id, isNew }: { id: string | null; isNew: boolean }) {
  const m = r.value;
  // Units decide how thresholds are written: the editor waits for them.
  if (metricRows.value === null && metricsFailure.value === null) return <Waiting />;
  if (isNew) return <NewEditor key={route.value.params.toString()} />;
  const row = rowOf(id);
  if (row !== null) return <Editor key={row.rule.id} row={row} start={null} />;
  if (ruleRows.value === null) return <Waiting />;
  return (
    <section class="card c8" aria-label={m.rule}>
      <Empty
        icon="bell"
        title={id === null ? m.chooseRule : m.ruleGone}
        text={id === null ? m.chooseRuleText : m.ruleGoneText}
      />
    </section>
  );
}

export function RulesTab() {
  const m = r.value;
  const isNew = param('new') !== null;
  const id = isNew ? null : param('rule');
  useEffect(() => void reloadMetrics(), []);
  const isPicked = isNew || id !== null;
  return (
    <div class={`g12 ${isPicked ? 'al-picked' : ''}`}>
      {isPicked && <BackToList word={m.rules} />}
      <section class="card c4 al-list" aria-labelledby="al-rules">
        <header class="al-head">
          <h2 id="al-rules">{m.countRules(num(ruleRows.value?.length ?? 0), ruleRows.value?.length ?? 0)}</h2>
          <span class="end">
            <Act needs="admin" class="btn pri" onAct={() => setParams({ new: '1', rule: null })}>
              <Icon name="plus" size={14} />
              {m.newRule}
            </Act>
          </span>
        </header>
        <div class="b flush">
          <List chosen={id} />
        </div>
      </section>
      <Chosen id={id} isNew={isNew} />
    </div>
  );
}
