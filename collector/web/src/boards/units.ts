// How values of a widget are written: by the unit that the collector tells, or the one that the widget was given.

import type { ChartSpec } from '../chart/spec';
import { axisNumber, NARROW, num, pct, pctNumber, bytesParts, millisParts, short } from '../i18n/format';
import { writing } from '../resource/app-charts';

export interface Writing extends Pick<ChartSpec, 'axis' | 'value' | 'base'> {
  /** Number and unit apart, for large figures. */
  parts: (value: number) => [number: string, unit: string];
  /** Where a scale ends on its own; null where only the values can say it. */
  full: number | null;
}

/** Metrics without a unit that are shares of a whole. */
const SHARE = /(ratio|utilization|utilisation|share|percentage)$/;
/** Further shares, by their names in the catalogue. */
const SHARES = new Set(['system.cpu.utilization', 'system.memory.utilization']);

export function isShare(unit: string, metric: string): boolean {
  return unit === '1' && (SHARE.test(metric) || SHARES.has(metric)) && !metric.includes('fragmentation');
}

function plain(value: number): string {
  return Number.isInteger(value) ? num(value) : short(value);
}

const TO_MS: Record<string, number> = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 };

/** "{message}/s" is counted per second; "By" are bytes; "%" goes to 100 and a share to 1. */
export function writingOf(told: string, metric: string, given = ''): Writing {
  if ((given === '' || given === '%') && isShare(told, metric)) {
    return {
      axis: (value, step) => pct(value, step < 0.05 ? 1 : 0),
      value: (value) => pct(value),
      parts: (value) => [pctNumber(value), '%'],
      full: 1,
    };
  }
  const unit = given === '' ? told : given;
  const isRate = unit.endsWith('/s');
  const base = isRate ? unit.slice(0, -2) : unit;
  if (base === '%') {
    return { ...writing('%', false), parts: (value) => [pctNumber(value / 100), '%'], full: 100 };
  }
  if (base === 'By') {
    const tail = isRate ? '/s' : '';
    return {
      ...writing('By', isRate),
      parts: (value) => {
        const [amount, size] = bytesParts(value);
        return [amount, size + tail];
      },
      full: null,
    };
  }
  const toMs = TO_MS[base];
  if (toMs !== undefined && !isRate) {
    return { ...writing(base, false), parts: (value) => millisParts(value * toMs), full: null };
  }
  return counted(unit, isRate, given !== '');
}

/** What is counted: a word in braces is only told where somebody asked for it. */
function counted(unit: string, isRate: boolean, isGiven: boolean): Writing {
  const word = isGiven ? unit.replace(/[{}]/g, '') : isRate ? '/s' : '';
  const apart = word === '' || word.startsWith('/') ? word : `${NARROW}${word}`;
  return {
    axis: axisNumber,
    value: (value) => `${plain(value)}${apart}`,
    parts: (value) => [plain(value), word],
    full: null,
  };
}

export type Level = '' | 'warn' | 'crit';

/**
 * How bad a value is. Where critical lies below warning, low values are the bad ones: a hit ratio, say. A single threshold
 * is passed upwards.
 */
export function levelOf(value: number | null, warning: number | undefined, critical: number | undefined): Level {
  if (value === null) return '';
  const isLowBad = warning !== undefined && critical !== undefined && critical < warning;
  const isPast = (limit: number | undefined) => limit !== undefined && (isLowBad ? value <= limit : value >= limit);
  if (isPast(critical)) return 'crit';
  return isPast(warning) ? 'warn' : '';
}

/** Whether a series of this kind is shown as its rate unless something else is asked for. */
export function isRateKind(kind: string | undefined): boolean {
  return kind === 'counter';
}
