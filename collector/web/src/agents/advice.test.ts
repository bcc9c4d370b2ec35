// What an agent that does not come is said to lack.

import { afterEach, expect, it } from 'vitest';

import type { Arrivals } from '../api/access';
import { setLang } from '../i18n/index';
import { advice } from './advice';

const NOTHING: Arrivals = { now: 100_000, revoked: null, checked: null, agents: [], refused: null, turned_away: [] };

afterEach(() => setLang('pt-BR'));

it('says nothing when nobody came', () => {
  expect(advice(NOTHING)).toEqual([]);
});

it('names who was turned away, and why', () => {
  setLang('en');
  const of = (token: Arrivals['turned_away'][number]['token'], name: string | null = null) =>
    advice({ ...NOTHING, turned_away: [{ at: 88_000, address: '10.0.0.5', token, name }] })[0];
  expect(of('cut')).toMatch(/^From 10\.0\.0\.5, 12\ss ago: an agent with a token that is cut/);
  expect(of('revoked', 'old')).toContain('the revoked token old.');
  expect(of('missing')).toContain('FAROL_TOKEN is empty');
  expect(of('api_token')).toContain('farol_api_');
  expect(of('unknown')).toContain('has not made');
  expect(of('foreign')).toContain('no token of Farol');
});

it('tells what happened to the token itself first', () => {
  setLang('en');
  const all = advice({
    ...NOTHING,
    revoked: 1,
    checked: 2,
    refused: { at: 3, status: 422, detail: 'the clock is ahead' },
    turned_away: [{ at: 99_000, address: null, token: 'missing', name: null }],
  });
  expect(all.map((text) => text.split(/[.:]/)[0])).toEqual([
    'This token was revoked',
    'A batch of this agent was refused',
    'An agent asked with this token whether it would be let in, and it would',
    'From an unknown address, 1',
  ]);
});
