// Adding an agent says everything in both languages.

import { expect, it } from 'vitest';

import { enAgents } from '../i18n/en-agents';
import { ptAgents } from '../i18n/pt-agents';

it('has the same keys in the same order, with the same arguments', () => {
  expect(Object.keys(enAgents)).toEqual(Object.keys(ptAgents));
  for (const [key, text] of Object.entries(ptAgents)) {
    const other = enAgents[key as keyof typeof enAgents];
    expect(typeof other, key).toBe(typeof text);
    if (typeof text === 'function' && typeof other === 'function') expect(other.length, key).toBe(text.length);
  }
});
