// Answers as rows, figures and words.

import { beforeEach, describe, expect, it } from 'vitest';

import { lang } from '../i18n/index';
import { lookOf, periodFor, stretchOf } from './question';
import { figureOf, largest, rowsOf, together, type Series } from './rows';
import { pieces } from './text';
import { levelOf, writingOf } from './units';

beforeEach(() => {
  lang.value = 'en';
});

const series = (id: number, some: Partial<Series> = {}): Series => ({
  id,
  resource: id,
  metric: 'cpu',
  unit: '1',
  attributes: {},
  points: [
    [0, id],
    [10, null],
    [20, id * 2],
  ],
  ...some,
});
const nameOf = (id: number) => `host-${id}`;

describe('rows of an answer', () => {
  it('are called by what tells them apart', () => {
    expect(rowsOf([series(1)], nameOf).map(({ label }) => label)).toEqual(['cpu']);
    expect(rowsOf([series(1), series(2)], nameOf).map(({ label }) => label)).toEqual(['host-1', 'host-2']);
    const modes = [
      series(1, { attributes: { mode: 'user', os: 'linux' } }),
      series(1, { attributes: { os: 'linux' } }),
    ];
    expect(rowsOf(modes, nameOf).map(({ label }) => label)).toEqual(['user', 'cpu']);
    const both = [series(1), series(2, { metric: 'memory' })];
    expect(rowsOf(both, nameOf).map(({ label }) => label)).toEqual(['cpu · host-1', 'memory · host-2']);
  });

  it('stay in order when only the largest are drawn', () => {
    const rows = rowsOf([series(3), series(1), series(2)], nameOf);
    expect(largest(rows, 2).map(({ resource }) => resource)).toEqual([3, 2]);
  });

  it('become one by adding up, or by the mean where they are shares', () => {
    const counts = rowsOf([series(1, { unit: '{task}' }), series(2, { unit: '{task}' })], nameOf);
    expect(together(counts, undefined)).toEqual([
      [0, 3],
      [20, 6],
    ]);
    const shares = rowsOf([series(1, { metric: 'hit_ratio' }), series(3, { metric: 'hit_ratio' })], nameOf);
    expect(together(shares, undefined)).toEqual([
      [0, 2],
      [20, 4],
    ]);
    expect(together(shares, 'max').at(-1)).toEqual([20, 6]);
  });

  it('stand for a stretch by the newest value, or by the sum of what was counted', () => {
    const points = rowsOf([series(2)], nameOf)[0]?.points ?? [];
    expect([figureOf(points, undefined), figureOf(points, 'increase'), figureOf(points, 'min')]).toEqual([4, 6, 2]);
    expect(figureOf([[0, null]], 'sum')).toBeNull();
  });
});

describe('units', () => {
  it('are written as people read them', () => {
    expect(writingOf('By/s', 'net').value(2048)).toBe('2.00\u202fKiB/s');
    expect(writingOf('1', 'redis.hit_ratio').value(0.974)).toBe('97.4%');
    expect(writingOf('%', 'system_cpu_usage').parts(47.3)).toEqual(['47.3', '%']);
    expect(writingOf('s', 'latency').value(0.25)).toBe('250\u202fms');
    expect(writingOf('{task}', 'queue').value(1250)).toBe('1,250');
    expect(writingOf('{task}', 'queue', 'tasks').parts(3)).toEqual(['3', 'tasks']);
    expect(writingOf('1', 'redis.memory.fragmentation_ratio').value(1.2)).toBe('1.20');
  });

  it('know which way is bad', () => {
    expect([levelOf(85, 80, 90), levelOf(95, 80, 90), levelOf(10, 80, 90)]).toEqual(['warn', 'crit', '']);
    expect([levelOf(0.93, 0.95, 0.9), levelOf(0.8, 0.95, 0.9), levelOf(0.99, 0.95, 0.9)]).toEqual(['warn', 'crit', '']);
    expect([levelOf(null, 1, 2), levelOf(5, undefined, 4), levelOf(5, 4, undefined)]).toEqual(['', 'crit', 'warn']);
  });
});

describe('a widget', () => {
  const HOUR = 3_600_000;
  const page = { key: 'last', ms: HOUR, isLive: true, at: (now: number) => ({ from: now - HOUR, to: now }) };

  it('follows the page, unless it has a period of its own and nobody zooms', () => {
    expect(stretchOf('line', {}, 6, page, false).ms).toBe(HOUR);
    expect(stretchOf('line', { period: '7d' }, 6, page, false).at(10 * HOUR * 24)).toEqual({
      from: 3 * HOUR * 24,
      to: 10 * HOUR * 24,
    });
    expect(stretchOf('line', { period: '7d' }, 6, page, true).ms).toBe(HOUR);
  });

  it('is asked again at its step, within bounds, and never for the past', () => {
    expect(stretchOf('line', {}, 12, page, false).every).toBe(5_000);
    expect(stretchOf('bar', { period: '30d' }, 12, page, false).every).toBe(60_000);
    expect(stretchOf('stat', {}, 3, { ...page, isLive: false }, false).every).toBeNull();
  });

  it('takes the look that another program gave it', () => {
    expect(lookOf({ widget_type: 'chart', config: { chart_type: 'bar' } })).toBe('bar');
    expect(lookOf({ widget_type: 'chart', config: {} })).toBe('line');
    expect(lookOf({ widget_type: 'pie', config: {} })).toBe('unknown');
  });

  it('asks for the shortest period that reaches back far enough', () => {
    expect(periodFor(0, HOUR)).toBe('1h');
    expect(periodFor(0, 2 * HOUR)).toBe('24h');
    expect(periodFor(0, 400 * 24 * HOUR)).toBe('30d');
  });
});

describe('a note', () => {
  it('makes links of web addresses and of nothing else', () => {
    expect(pieces('See https://example.test/a?b=1. Then (http://x.test) ok')).toEqual([
      { text: 'See ' },
      { link: 'https://example.test/a?b=1' },
      { text: '. Then (' },
      { link: 'http://x.test' },
      { text: ') ok' },
    ]);
    for (const text of [
      'javascript:alert(1)',
      'data:text/html,<b>x</b>',
      'https://farol.test@evil.test/',
      'http://',
      'HTTPS',
    ]) {
      expect(pieces(text), text).toEqual([{ text }]);
    }
  });
});
