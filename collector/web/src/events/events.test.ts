// Events: their pairs, their figures, their rooms.

import { beforeEach, describe, expect, it } from 'vitest';

import { lang } from '../i18n/index';
import { byType } from './chart';
import { derivedLabel, derivedValue } from './derived';
import { rooms } from './feed';
import { pairs } from './payload';

beforeEach(() => (lang.value = 'en'));

describe('the pairs of a payload', () => {
  it('are short, with inner objects by dots, and say what is masked', () => {
    expect(pairs({ to: '***', n: 2, order: { id: 7, lines: [1, 2] }, ok: true, none: null })).toEqual([
      { key: 'to', value: '***', isMasked: true },
      { key: 'n', value: '2', isMasked: false },
      { key: 'order.id', value: '7', isMasked: false },
      { key: 'order.lines', value: '[1,2]', isMasked: false },
      { key: 'ok', value: 'true', isMasked: false },
      { key: 'none', value: 'null', isMasked: false },
    ]);
  });

  it('are bounded, whatever is sent', () => {
    const wide = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, 'x'.repeat(1_000)]));
    const found = pairs(wide);
    expect([found.length, found[0]?.value.length]).toEqual([24, 201]);
    expect([null, 'text', 3, undefined].map((odd) => pairs(odd))).toEqual([[], [], [], []]);
  });
});

it('names the figures of events and leaves unknown names readable', () => {
  expect(['farol.messages.sent', 'messages_sent', 'farol.orders.late'].map(derivedLabel)).toEqual([
    'Messages sent',
    'Messages sent',
    'orders late',
  ]);
  expect([
    derivedValue('erp_success_ratio', 0.981),
    derivedValue('farol.erp.time', 1.5),
    derivedValue('farol.ai.tokens', 71_200),
  ]).toEqual(['98.1%', '1,500\u202fms', '71,200']);
});

it('listens to all events, or to those of the chosen types', () => {
  expect([rooms([]), rooms(['A', 'B'])]).toEqual([['events'], ['event:A', 'event:B']]);
});

it('adds the services of one type up', () => {
  const series = (resource: number, type: string, points: [number, number][]) => ({
    id: resource,
    resource,
    metric: 'farol.events',
    unit: '',
    attributes: { 'farol.event.type': type },
    points,
  });
  const found = byType({
    from: 0,
    to: 20_000,
    step: 10_000,
    tier: 'raw',
    series: [series(1, 'A', [[0, 1]]), series(2, 'B', [[0, 9]]), series(3, 'A', [[500, 2]])],
  });
  expect(found.map((row) => [row.type, row.sum, row.points.get(0)])).toEqual([
    ['B', 9, 9],
    ['A', 3, 3],
  ]);
});
