// A day of a check as cells: up, partly up, down, unknown. Height differs as well as colour.

import { pct } from '../i18n/format';
import { t } from '../i18n/index';
import type { Strip } from './source';

/** The class of a cell: a share of the time that it was up. */
export function cellClass(value: number): 'ok' | 'warn' | 'crit' | 'u' {
  if (Number.isNaN(value)) return 'u';
  if (value >= 0.999) return 'ok';
  return value >= 0.5 ? 'warn' : 'crit';
}

/** Availability never rounds up to a whole that it was not. */
export function upText(ratio: number | null | undefined): string {
  if (ratio == null) return t.value.none;
  const floored = Math.floor(ratio * 10_000 + 1e-6) / 10_000;
  return pct(floored, floored === 1 ? 0 : 2);
}

/** Half as many cells for where there is little room: of two the worse stays. */
export function halved(cells: readonly number[]): number[] {
  return cells.flatMap((value, i) => {
    if (i % 2 === 1) return [];
    const next = cells[i + 1] ?? NaN;
    return [Number.isNaN(value) ? next : Number.isNaN(next) ? value : Math.min(value, next)];
  });
}

export function DayStrip({ strip, name, isSmall = false }: { strip: Strip; name: string; isSmall?: boolean }) {
  const m = t.value;
  const label = strip.up === null ? m.stripNothing(name) : m.stripOf(name, upText(strip.up));
  return (
    <div class={`strip ${isSmall ? 'sm' : ''}`} role="img" aria-label={label} title={label}>
      {(isSmall ? halved(strip.cells) : strip.cells).map((value, i) => (
        <i key={i} class={cellClass(value)} />
      ))}
    </div>
  );
}
