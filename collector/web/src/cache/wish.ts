// What the overview asks the page about the cache to do once it is there. It is no part of the address: a key may name a
// person, and no link may open a dangerous dialog.

import { signal } from '@preact/signals';

import { hrefWith } from '../state/route';
import { cacheKey } from './source';

export type Wish = { kind: 'inspect'; instance: string; key: string } | { kind: 'flush'; instance: string };

export const wish = signal<Wish | null>(null);

/** Goes to the page of an instance with a wish. */
export function goWith(next: Wish): void {
  wish.value = next;
  location.hash = hrefWith('/cache', { instance: cacheKey(next.instance) }).slice(1);
}

/** The wish of a kind for an instance, which is fulfilled by taking it. */
export function take<K extends Wish['kind']>(kind: K, instance: string): Extract<Wish, { kind: K }> | null {
  const now = wish.peek();
  if (now?.kind !== kind || now.instance !== instance) return null;
  wish.value = null;
  return now as Extract<Wish, { kind: K }>;
}
