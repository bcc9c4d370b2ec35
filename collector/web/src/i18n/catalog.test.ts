// Both catalogues say everything.

import { expect, it } from 'vitest';

import { en } from './en';
import { CATALOGS } from './index';
import { pt } from './pt';

it('has the same keys in the same order in both languages', () => {
  expect(Object.keys(en)).toEqual(Object.keys(pt));
});

it('has text where the other has text, and the same arguments', () => {
  for (const [key, text] of Object.entries(pt)) {
    const other = en[key as keyof typeof en];
    expect(typeof other, key).toBe(typeof text);
    if (typeof text === 'string') expect(text.trim(), key).not.toBe('');
    if (typeof text === 'function' && typeof other === 'function') expect(other.length, key).toBe(text.length);
  }
});

it('has no empty English text', () => {
  for (const [key, text] of Object.entries(CATALOGS.en)) if (typeof text === 'string') expect(text, key).not.toBe('');
});
