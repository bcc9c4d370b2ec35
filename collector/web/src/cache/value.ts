// A value of the cache as lines to read: indented like JSON, each with its place in the value, so that a masked one can
// be told and asked for. Bounded.

/** Lines that are shown; the collector cuts values before that. */
export const LINES_MAX = 1_000;
/** A list of plain values up to this long stays on one line. */
const INLINE_MAX = 64;
export const MASK = '••••••';
/** The collector's name for a value that has no name of its own. */
const WHOLE = 'value';

export interface Part {
  /** `k` a name, `s` text, `d` a number or word, `c` what is no part of the value. */
  class: 'k' | 's' | 'd' | 'c' | '';
  text: string;
}

export interface ValueLine {
  indent: number;
  parts: Part[];
  /** The masked field that stands here, by the name under which the collector masked it. */
  masked: string | null;
}

/** "items[2].email" is the place 2 of "items". */
function place(path: string): string {
  return path.replace(/\[(\d+)\]/g, '.$1').replace(/^\./, '');
}

function plain(value: unknown): Part {
  if (typeof value === 'string') return { class: 's', text: JSON.stringify(value) };
  return { class: 'd', text: value === undefined ? 'null' : JSON.stringify(value) };
}

const isPlain = (value: unknown) => typeof value !== 'object' || value === null;

class Writer {
  readonly lines: ValueLine[] = [];
  readonly found = new Set<string>();
  readonly #masked: ReadonlyMap<string, string>;

  constructor(masked: readonly string[]) {
    this.#masked = new Map(masked.map((path) => [place(path), path]));
  }

  get isFull(): boolean {
    return this.lines.length >= LINES_MAX;
  }

  #push(indent: number, parts: Part[], masked: string | null = null): void {
    if (!this.isFull) this.lines.push({ indent, parts, masked });
  }

  #mask(path: readonly string[]): string | null {
    return this.#masked.get(path.length === 0 ? WHOLE : path.join('.')) ?? null;
  }

  write(value: unknown, indent: number, head: Part[], path: readonly string[], comma: string): void {
    if (this.isFull) return;
    const end: Part = { class: '', text: comma };
    const masked = this.#mask(path);
    if (masked !== null && isPlain(value)) {
      this.found.add(masked);
      // What is there has its secrets left out already; nothing at all is said in the same way.
      const text = typeof value === 'string' && value !== '' ? value : MASK;
      this.#push(indent, [...head, { class: 'c', text: JSON.stringify(text) }, end], masked);
      return;
    }
    if (isPlain(value)) {
      this.#push(indent, [...head, plain(value), end]);
      return;
    }
    const isList = Array.isArray(value);
    const entries: [string, unknown][] = isList
      ? value.map((one, i) => [String(i), one] as [string, unknown])
      : Object.entries(value as Record<string, unknown>);
    const [open, close] = isList ? ['[', ']'] : ['{', '}'];
    if (entries.length === 0) {
      this.#push(indent, [...head, { class: '', text: `${open}${close}${comma}` }]);
      return;
    }
    if (isList && entries.every(([, one]) => isPlain(one)) && JSON.stringify(value).length <= INLINE_MAX) {
      const items = entries.flatMap(([, one], i) => [
        ...(i > 0 ? [{ class: '' as const, text: ', ' }] : []),
        plain(one),
      ]);
      this.#push(indent, [...head, { class: '', text: open }, ...items, { class: '', text: `${close}${comma}` }]);
      return;
    }
    this.#push(indent, [...head, { class: '', text: open }]);
    entries.forEach(([name, one], i) => {
      const label: Part[] = isList
        ? []
        : [
            { class: 'k', text: JSON.stringify(name) },
            { class: '', text: ': ' },
          ];
      this.write(one, indent + 1, label, [...path, name], i < entries.length - 1 ? ',' : '');
    });
    this.#push(indent, [{ class: '', text: `${close}${comma}` }]);
  }
}

export interface Pretty {
  lines: ValueLine[];
  /** Masked fields that have no line: the whole value, say. */
  others: string[];
  isCut: boolean;
}

/** Text that claims to be JSON is read as such; other text stays as it is, line by line. */
function parsed(value: unknown, format: string): unknown {
  if (typeof value !== 'string' || format !== 'json') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

export function pretty(value: unknown, format: string, masked: readonly string[]): Pretty {
  const writer = new Writer(masked);
  const read = parsed(value, format);
  if (typeof read === 'string' && format !== 'json') {
    for (const text of read.split('\n').slice(0, LINES_MAX)) {
      writer.lines.push({ indent: 0, parts: [{ class: '', text }], masked: null });
    }
  } else if (read !== undefined && read !== null) {
    writer.write(read, 0, [], [], '');
  }
  return {
    lines: writer.lines,
    others: masked.filter((path) => !writer.found.has(path)),
    isCut: writer.isFull,
  };
}
