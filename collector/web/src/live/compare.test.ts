// Today against yesterday.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { CompareRow } from '../api/types';
import { change, changeOf, forget, PICKS, want } from './compare';

function row(today: number | null, yesterday: number | null, some: Partial<CompareRow> = {}): CompareRow {
  return {
    resource: 1,
    metric: 'system.cpu.time',
    attributes: { 'cpu.mode': 'user' },
    unit: 's/s',
    today,
    yesterday,
    difference: null,
    percent: null,
    direction: null,
    good: 'down',
    is_better: null,
    ...some,
  };
}

describe('the change of a figure', () => {
  it('adds up what belongs together and leaves out what does not', () => {
    const rows = [
      row(2, 1),
      row(1, 1, { attributes: { 'cpu.mode': 'system' } }),
      row(90, 10, { attributes: { 'cpu.mode': 'idle' } }),
      row(5, 5, { metric: 'system.memory.usage' }),
    ];
    expect(change(rows, PICKS.cpu)).toEqual({ share: 0.5, isBetter: false });
  });

  it('judges by what is good for the metric, and not what is next to nothing', () => {
    expect(change([row(1, 2, { good: 'down' })], PICKS.cpu)?.isBetter).toBe(true);
    expect(change([row(2, 1, { good: 'up' })], PICKS.cpu)?.isBetter).toBe(true);
    expect(change([row(2, 1, { good: 'neither' })], PICKS.cpu)?.isBetter).toBeNull();
    expect(change([row(1.005, 1)], PICKS.cpu)?.isBetter).toBeNull();
  });

  it('says nothing without a yesterday', () => {
    expect(change([], PICKS.cpu)).toBeNull();
    expect(change([row(1, null)], PICKS.cpu)).toBeNull();
    expect(change([row(1, 0)], PICKS.cpu)).toBeNull();
  });
});

describe('asking', () => {
  const asked: string[] = [];

  beforeEach(() => {
    asked.length = 0;
    vi.useFakeTimers();
    vi.stubGlobal('fetch', (url: string) => {
      asked.push(url);
      return Promise.resolve(new Response(JSON.stringify({ metrics: [row(3, 2), row(1, 2, { resource: 2 })] })));
    });
    forget();
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('waits, gathers what is wanted into one question, and keeps the answer for a minute', async () => {
    want([1]);
    want([2]);
    expect(asked).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(500);
    expect(asked).toHaveLength(1);
    expect(new URL(asked[0] ?? '').searchParams.get('resource')).toBe('1,2');
    expect(changeOf([1], 'cpu').value?.share).toBe(0.5);
    expect(changeOf([1, 2], 'cpu').value?.share).toBe(0);
    want([1, 2]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(60_000);
    want([1]);
    await vi.advanceTimersByTimeAsync(500);
    expect(asked).toHaveLength(2);
  });
});
