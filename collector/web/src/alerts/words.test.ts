// Both catalogues of the alerts' pages say everything.

import { describe, expect, it } from 'vitest';

import { enAlerts } from '../i18n/en-alerts';
import { enRules } from '../i18n/en-rules';
import { ptAlerts } from '../i18n/pt-alerts';
import { ptRules } from '../i18n/pt-rules';

type Said = Record<string, string | ((...words: never[]) => string)>;

describe.each([
  ['alerts', ptAlerts, enAlerts],
  ['rules', ptRules, enRules],
] as const)('the words of %s', (_, pt, en) => {
  it('are the same keys in the same order, with text and the same arguments', () => {
    expect(Object.keys(en)).toEqual(Object.keys(pt));
    for (const [key, text] of Object.entries(pt as Said)) {
      const other = (en as Said)[key];
      expect(typeof other, key).toBe(typeof text);
      if (typeof text === 'string') expect([text.trim(), String(other).trim()], key).not.toContain('');
      if (typeof text === 'function' && typeof other === 'function') expect(other.length, key).toBe(text.length);
    }
  });
});
