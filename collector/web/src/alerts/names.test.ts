// The names of built-in rules: the page's and the collector's are the same.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';

import { lang } from '../i18n/index';
import { ptRuleNames } from '../i18n/pt-rule-names';
import { keptName, ruleName } from './names';

const NAMES = join(import.meta.dirname, '../../../src/alert/builtin/names.rs');

afterEach(() => {
  lang.value = 'en';
});

/** The pairs of the collector's table. */
function ofCollector(): Record<string, string> {
  const [, table = ''] = /NAMES: &\[\(&str, &str\)\] = &\[([\s\S]*?)\n\];/.exec(readFileSync(NAMES, 'utf8')) ?? [];
  const pairs = [...table.matchAll(/\(\s*"([^"]*)",\s*"([^"]*)",?\s*\)/g)];
  // A row that is written in another way must not slip through.
  expect(table.match(/"[^"]*"/g)?.length).toBe(2 * pairs.length);
  return Object.fromEntries(pairs.map(([, english = '', portuguese = '']) => [english, portuguese]));
}

it('are those of the messages, all of them', () => {
  const theirs = ofCollector();
  expect(Object.keys(theirs).length).toBeGreaterThan(30);
  expect(ptRuleNames).toEqual(theirs);
  expect(new Set(Object.values(theirs)).size).toBe(Object.keys(theirs).length);
});

it('are shown in the language of the page, and kept as they were', () => {
  expect(ruleName('Agent silent')).toBe('Agent silent');
  lang.value = 'pt-BR';
  expect(ruleName('Agent silent')).toBe('Agente sem contato');
  expect(ruleName('Loja fora do ar')).toBe('Loja fora do ar');
  for (const name of [...Object.keys(ptRuleNames), 'Loja fora do ar']) expect(keptName(ruleName(name))).toBe(name);
});
