// Numbers and times in both languages.

import { beforeEach, describe, expect, it } from 'vitest';

import {
  ago,
  axisBytes,
  axisNumber,
  bytes,
  bytesOf,
  cores,
  dayMonth,
  num,
  pct,
  pctNumber,
  rangeSpan,
  rate,
  short,
  span,
} from './format';
import { choose, lang, t } from './index';

describe('in Portuguese', () => {
  beforeEach(() => (lang.value = 'pt-BR'));

  it('writes a point between thousands and a comma before decimals', () => {
    expect(num(86_400)).toBe('86.400');
    expect(num(1284.5, 1)).toBe('1.284,5');
    expect(pct(0.974)).toBe('97,4%');
  });

  it('puts a narrow space before a unit and none before a percent sign', () => {
    expect(bytes(1188 * 1024 * 1024)).toBe('1,16\u202fGiB');
    expect(rate(412 * 1024)).toBe('412\u202fKiB/s');
    expect(pct(0.5, 0)).toBe('50%');
  });

  it('says how long ago', () => {
    expect(ago(6 * 60_000)).toBe('há 6\u202fmin');
    expect(t.value.rangeLast(rangeSpan('1h'))).toBe('Última 1\u202fh');
    expect(t.value.rangeLast(rangeSpan('24h'))).toBe('Últimas 24\u202fh');
    expect(t.value.rangeLast(rangeSpan('15m'))).toBe('Últimos 15\u202fmin');
  });

  it('writes the day before the month', () => {
    expect(dayMonth(new Date(2026, 2, 12).getTime())).toBe('12/03');
  });
});

describe('in English', () => {
  beforeEach(() => (lang.value = 'en'));

  it('writes a comma between thousands and a point before decimals', () => {
    expect(num(86_400)).toBe('86,400');
    expect(pct(0.974)).toBe('97.4%');
    expect(dayMonth(new Date(2026, 2, 12).getTime())).toBe('Mar 12');
  });

  it('keeps three significant digits', () => {
    expect([1.714, 17.14, 171.4, 0].map(short)).toEqual(['1.71', '17.1', '171', '0']);
    expect([0.182, 0.0004, 0.99999].map(pctNumber)).toEqual(['18.2', '0.0', '100']);
  });

  it('changes the unit before a number would be rounded up to 1,024', () => {
    expect(bytes(1023)).toBe('1,023\u202fB');
    expect(bytes(1024)).toBe('1.00\u202fKiB');
    expect(bytes(1024 * 1024 - 1)).toBe('1.00\u202fMiB');
    expect(bytesOf(512 * 1024 ** 2, 2 * 1024 ** 3)).toBe('0.50 / 2.00\u202fGiB');
  });

  it('shows whole cores bare', () => {
    expect([2, 1.5, 0.25].map(cores)).toEqual(['2', '1.50', '0.25']);
  });

  it('picks the unit of a span', () => {
    expect([300, 59_000, 61_000, 7_200_000, 3 * 86_400_000].map((ms) => span(ms))).toEqual([
      '0.3\u202fs',
      '59\u202fs',
      '1\u202fmin',
      '2\u202fh',
      '3\u202fd',
    ]);
    expect(span(312, true)).toBe('312\u202fms');
  });

  it('gives all labels of an axis the decimals of its step', () => {
    expect([0, 0.5, 1, 1.5].map((v) => axisNumber(v, 0.5))).toEqual(['0', '0.5', '1.0', '1.5']);
    expect(axisBytes(512 * 1024 ** 2, 512 * 1024 ** 2, 1024 ** 3)).toBe('0.5\u202fGiB');
  });
});

describe('the choice of the language', () => {
  it('takes the stored one, then the browser’s, then Portuguese', () => {
    expect(choose('en', ['pt-BR'])).toBe('en');
    expect(choose(null, ['fr', 'en-GB', 'pt'])).toBe('en');
    expect(choose(null, ['pt-PT'])).toBe('pt-BR');
    expect(choose('xx', ['fr'])).toBe('pt-BR');
  });
});
