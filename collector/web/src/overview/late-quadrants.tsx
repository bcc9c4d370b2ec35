// The quadrants come after the figures: their code is a chunk of its own, and until it is there their room is kept.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import type { Around } from '../outside/overview';
import type { Quadrants } from '../quadrants/index';
import { Skeleton } from '../ui/parts';

const loaded = signal<typeof Quadrants | null>(null);
/** Room for two rows of cards, and for the row of offers. */
const FULL_HEIGHT = 880;
const OFFERS_HEIGHT = 118;

export function LateQuadrants({ around }: { around: Around }) {
  useEffect(() => {
    if (loaded.peek() !== null) return;
    import('../quadrants/index').then(
      ({ Quadrants: found }) => (loaded.value = found),
      () => undefined,
    );
  }, []);
  const { hasAny } = around;
  const Found = loaded.value;
  // A collector that does not know of integrations has none to show.
  if (hasAny === null && around.integrations.failure !== null) return null;
  if (Found === null || hasAny === null) {
    return <Skeleton height={hasAny === true ? FULL_HEIGHT : OFFERS_HEIGHT} />;
  }
  return <Found around={around} />;
}
