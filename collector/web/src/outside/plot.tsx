// A chart inside of a card. The code that draws comes after the figures: what is here waits for it with a grey block.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import type { DataPlot, PlotProps } from '../chart/chart';
import { Skeleton } from '../ui/parts';

const loaded = signal<typeof DataPlot | null>(null);

/** Room of the legend above the picture. */
const LEGEND = 34;
const USUAL_HEIGHT = 168;

export function LatePlot(props: PlotProps) {
  useEffect(() => {
    if (loaded.peek() !== null) return;
    import('../chart/chart').then(
      ({ DataPlot: found }) => (loaded.value = found),
      () => undefined,
    );
  }, []);
  const Found = loaded.value;
  if (Found === null) return <Skeleton height={(props.spec.height ?? USUAL_HEIGHT) + LEGEND} />;
  return <Found {...props} />;
}
