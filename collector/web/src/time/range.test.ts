// What a person may type as a range, and how ranges stand in the address.

import { describe, expect, it } from 'vitest';

import { fromParams, parseRange, parseSpan, spanText, stepFor, toParams, zoomFromParams } from './range';

const NOW = new Date(2026, 2, 12, 16, 0).getTime();
const at = (...parts: [number, number, number, number?, number?]) =>
  new Date(...(parts as [number, number, number])).getTime();

function range(text: string, lang: 'pt-BR' | 'en' = 'en') {
  const found = parseRange(text, NOW, lang);
  return found?.kind === 'between' ? [found.from, found.to] : (found?.ms ?? null);
}

describe('spans', () => {
  it('reads amounts with units', () => {
    expect([parseSpan('45m'), parseSpan('2h'), parseSpan('1h30m'), parseSpan('7 d'), parseSpan('1,5h')]).toEqual([
      2_700_000, 7_200_000, 5_400_000, 604_800_000, 5_400_000,
    ]);
  });

  it('refuses what is no span, too short or too long', () => {
    expect([
      parseSpan(''),
      parseSpan('h'),
      parseSpan('5x'),
      parseSpan('1s'),
      parseSpan('9999d'),
      parseSpan('5'),
    ]).toEqual([null, null, null, null, null, null]);
  });

  it('is read back from what it was written as', () => {
    for (const text of ['5m', '15m', '1h', '6h', '24h', '7d', '30d', '45m', '90s']) {
      expect(spanText(parseSpan(text) ?? 0)).toBe(text);
    }
  });
});

describe('typed ranges', () => {
  it('understands days in both languages', () => {
    const today = [at(2026, 2, 12), NOW];
    const yesterday = [at(2026, 2, 11), at(2026, 2, 12)];
    expect([range('today'), range('hoje', 'pt-BR')]).toEqual([today, today]);
    expect([range('yesterday'), range('Ontem', 'pt-BR')]).toEqual([yesterday, yesterday]);
  });

  it('understands two moments', () => {
    const wanted = [new Date(2026, 2, 11, 14, 0).getTime(), new Date(2026, 2, 11, 15, 30).getTime()];
    expect(range('yesterday 14:00 to 15:30')).toEqual(wanted);
    expect(range('ontem 14:00 até 15:30', 'pt-BR')).toEqual(wanted);
    expect(range('11/03 14:00–15:30', 'pt-BR')).toEqual(wanted);
    expect(range('11/03 14h-15h30', 'pt-BR')).toEqual(wanted);
    expect(range('Mar 11 14:00–15:30')).toEqual(wanted);
    expect(range('2026-03-11 14:00 - 2026-03-11 15:30')).toEqual(wanted);
  });

  it('reads day and month in the order of the language', () => {
    expect(range('10/03', 'pt-BR')).toEqual([at(2026, 2, 10), at(2026, 2, 11)]);
    expect(range('03/10', 'en')).toEqual([at(2026, 2, 10), at(2026, 2, 11)]);
  });

  it('takes a day of the future for the last one of that name', () => {
    expect(range('25/12', 'pt-BR')).toEqual([at(2025, 11, 25), at(2025, 11, 26)]);
  });

  it('refuses nonsense, reversed ranges and days that do not exist', () => {
    expect([
      range('soon'),
      range('15:30 to 14:00'),
      range('31/02', 'pt-BR'),
      range('a to b to c'),
      range('25:99'),
    ]).toEqual([null, null, null, null, null]);
  });
});

describe('the address', () => {
  it('gives back what was put in', () => {
    for (const wanted of [
      { kind: 'last', ms: 3_600_000 },
      { kind: 'last', ms: 900_000 },
      { kind: 'between', from: NOW - 3_600_000, to: NOW },
    ] as const) {
      const params = new URLSearchParams();
      for (const [name, value] of Object.entries(toParams(wanted))) if (value !== null) params.set(name, value);
      expect(fromParams(params)).toEqual(wanted);
    }
  });

  it('falls back to the default', () => {
    expect(fromParams(new URLSearchParams('range=nonsense&from=x&to=y'))).toEqual({ kind: 'last', ms: 900_000 });
  });

  it('reads a zoom only when it is one', () => {
    expect(zoomFromParams(new URLSearchParams('zoom=1773327600000-1773331200000'))).toEqual({
      from: 1_773_327_600_000,
      to: 1_773_331_200_000,
    });
    expect(zoomFromParams(new URLSearchParams('zoom=1773331200000-1773327600000'))).toBeNull();
    expect(zoomFromParams(new URLSearchParams('zoom=abc'))).toBeNull();
  });
});

it('never asks for points finer than the samples, nor for more than fit', () => {
  expect(stepFor(3_600_000, 720, 1_000)).toBe(5_000);
  expect(stepFor(300_000, 720, 1_000)).toBe(1_000);
  expect(stepFor(300_000, 720, 10_000)).toBe(10_000);
  expect(stepFor(30 * 86_400_000, 720, 1_000)).toBe(3_600_000);
});
