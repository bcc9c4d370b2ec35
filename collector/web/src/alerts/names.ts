// Names of rules in the page's language: of the built-in ones only; what people wrote stays as they wrote it.

import { lang } from '../i18n/index';
import { ptRuleNames } from '../i18n/pt-rule-names';

const ENGLISH: ReadonlyMap<string, string> = new Map(
  Object.entries(ptRuleNames).map(([english, portuguese]) => [portuguese, english]),
);

/** A rule's name as it is shown. */
export function ruleName(name: string): string {
  return lang.value === 'en' ? name : (ptRuleNames[name] ?? name);
}

/** A name as it is kept: one that was shown in Portuguese is the collector's own again. */
export function keptName(shown: string): string {
  return lang.peek() === 'en' ? shown : (ENGLISH.get(shown) ?? shown);
}
