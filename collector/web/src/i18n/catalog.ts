// The type of a catalogue: every key of the reference, with text where it has text and the same arguments elsewhere.

import type { pt } from './pt';

export type Words<T> = {
  [K in keyof T]: T[K] extends (...args: infer A) => string ? (...args: A) => string : string;
};

export type Catalog = Words<typeof pt>;
