// Addresses.

import { expect, it } from 'vitest';

import { address } from '../api/client';
import { format, href, parse, route, setParams } from './route';

it('reads a hash route and writes it back', () => {
  const { path, params } = parse('#/resource/12?range=15m&q=a%20b');
  expect([path, params.get('range'), params.get('q')]).toEqual(['/resource/12', '15m', 'a b']);
  expect(parse('').path).toBe('/');
  expect(format('/', new URLSearchParams())).toBe('#/');
});

it('carries the range along to other pages and nothing else', () => {
  route.value = parse('#/?range=6h&q=web&zoom=1-2');
  expect(href('/resource/3')).toBe('#/resource/3?range=6h');
});

it('changes and removes parameters', () => {
  route.value = parse('#/?range=6h');
  setParams({ q: 'x', range: null });
  expect(location.hash).toBe('#/?q=x');
  setParams({ q: '' });
  expect(location.hash).toBe('#/');
});

it('finds the API under any prefix', () => {
  expect(address('api/v1/query?a=1', 'https://example.test/ops/farol/#/resource/3?x=1')).toBe(
    'https://example.test/ops/farol/api/v1/query?a=1',
  );
  expect(address('api/auth/me', 'http://127.0.0.1:8650/index.html')).toBe('http://127.0.0.1:8650/api/auth/me');
});
