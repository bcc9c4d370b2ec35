// What an event tells, as short pairs of key and value.

export interface Pair {
  key: string;
  value: string;
  /** Held back because it is personal. */
  isMasked: boolean;
}

/** More is in the row's details. */
const PAIRS_MAX = 24;
const VALUE_MAX = 200;
/** How agents write what they hold back. */
const MASK = /^(\*{3,}|\[masked\]|•+)$/i;

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  const written = JSON.stringify(value) as string | undefined;
  return written ?? '';
}

/** The pairs of a payload, those of inner objects with dots between; bounded. */
export function pairs(payload: unknown, prefix = ''): Pair[] {
  if (typeof payload !== 'object' || payload === null) return [];
  const found: Pair[] = [];
  for (const [name, value] of Object.entries(payload)) {
    if (found.length >= PAIRS_MAX) break;
    const key = prefix + name;
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && prefix === '') {
      found.push(...pairs(value, `${key}.`));
      continue;
    }
    const full = text(value);
    const cut = full.length > VALUE_MAX ? `${full.slice(0, VALUE_MAX)}…` : full;
    found.push({ key, value: cut, isMasked: MASK.test(full) });
  }
  return found.slice(0, PAIRS_MAX);
}
