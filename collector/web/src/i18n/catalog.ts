// The type of a catalogue: every key of the reference, with text where it has text and the same arguments elsewhere.

import type { pt } from './pt';

export type Catalog = {
  [K in keyof typeof pt]: (typeof pt)[K] extends (...args: infer A) => string ? (...args: A) => string : string;
};
