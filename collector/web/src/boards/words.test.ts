// Both languages of these pages say everything.

import { expect, it } from 'vitest';

import { enBoards } from '../i18n/en-boards';
import { ptBoards } from '../i18n/pt-boards';

it('has the same keys in the same order in both languages, with text or with the same arguments', () => {
  expect(Object.keys(enBoards)).toEqual(Object.keys(ptBoards));
  for (const [key, text] of Object.entries(ptBoards)) {
    const other = enBoards[key as keyof typeof enBoards];
    expect(typeof other, key).toBe(typeof text);
    if (typeof text === 'string') expect([text.trim(), other.toString().trim()], key).not.toContain('');
    if (typeof text === 'function' && typeof other === 'function') expect(other.length, key).toBe(text.length);
  }
});
