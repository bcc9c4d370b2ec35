// The rules as the list, the editor and the charts of alerts share them.

import { signal } from '@preact/signals';

import { rules, type Rule, type RuleRow } from '../api/alerts';
import { refusal } from '../cache/refusal';

/** Null until they are known. */
export const ruleRows = signal<readonly RuleRow[] | null>(null);
export const rulesFailure = signal<string | null>(null);

let asking: Promise<void> | null = null;

async function askOnce(): Promise<void> {
  try {
    ruleRows.value = await rules.list();
    rulesFailure.value = null;
  } catch (error) {
    rulesFailure.value = refusal(error);
  }
}

/** Asks for all; one question at a time. */
export function reloadRules(): Promise<void> {
  asking ??= askOnce().finally(() => (asking = null));
  return asking;
}

/** Takes in a row that was made or changed, without asking for all. */
export function tookRule(row: RuleRow): void {
  const rows = ruleRows.peek() ?? [];
  const isKnown = rows.some(({ rule }) => rule.id === row.rule.id);
  ruleRows.value = isKnown ? rows.map((one) => (one.rule.id === row.rule.id ? row : one)) : [...rows, row];
}

export function ruleOf(id: string): Rule | null {
  return ruleRows.value?.find(({ rule }) => rule.id === id)?.rule ?? null;
}

export function rowOf(id: string | null): RuleRow | null {
  return (id !== null && ruleRows.value?.find(({ rule }) => rule.id === id)) || null;
}
