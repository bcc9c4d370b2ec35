// A chart on a page that must not wait for the chart's code: its place is kept until that has come.

import type { ComponentProps, ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { signal } from '@preact/signals';

import { t } from '../i18n/index';
import { Failed } from '../ui/card';
import { Skeleton } from '../ui/parts';
import type { DataChart } from './chart';

type Props = ComponentProps<typeof DataChart>;

const loaded = signal<ComponentType<Props> | null>(null);
const hasFailed = signal(false);

async function load(): Promise<void> {
  if (loaded.peek() !== null) return;
  hasFailed.value = false;
  try {
    loaded.value = (await import('./chart')).DataChart;
  } catch {
    // The collector is away, or was replaced by one with other chunks.
    hasFailed.value = true;
  }
}

export function LazyChart(props: Props) {
  useEffect(() => void load(), []);
  const Found = loaded.value;
  if (Found) return <Found {...props} />;
  if (hasFailed.value) return <Failed text={t.value.pageFailed} onRetry={() => void load()} />;
  return <Skeleton height={props.spec.height ?? 168} />;
}
