// The section of an application's own metrics: as many charts as fit a page, the others by name.

import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';

import type { SeriesRow } from '../api/types';
import type { Band } from '../chart/bands';
import { Chart } from '../chart/chart';
import type { View } from '../chart/view';
import { num } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { Icon } from '../ui/icon';
import { appCharts } from './app-charts';
import { hasRequests } from './service-charts';
import type { ResourceSource } from './source';

/** Charts at first, and how many more each time. */
const AT_ONCE = 8;

interface Props {
  resource: number;
  series: readonly SeriesRow[];
  source: ResourceSource;
  view: View;
  bands: readonly Band[];
}

export function AppMetrics({ resource, series, source, view, bands }: Props) {
  const m = t.value;
  const filter = useSignal('');
  const count = useSignal(AT_ONCE);
  const ofService = hasRequests(series);
  const specs = useMemo(
    () => appCharts(series, ofService, (n) => t.peek().countMoreSeries(n)),
    [series.map(({ id }) => id).join(), lang.value],
  );
  if (specs.length === 0) return null;
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = specs.filter((spec) => {
    const hay = [spec.title, ...spec.lines.map((line) => line.label)].join(' ').toLowerCase();
    return words.every((word) => hay.includes(word));
  });
  return (
    <section class="appm" aria-labelledby="app-metrics">
      <div class="row wrap appm-h">
        <h2 id="app-metrics">{m.appMetrics}</h2>
        <span class="sub grow">
          {found.length < specs.length ? m.countShown(found.length, specs.length) : num(specs.length)}
        </span>
        {specs.length > 2 && (
          <span class="in find">
            <Icon name="filter" size={14} />
            <input
              type="search"
              placeholder={m.filter}
              aria-label={`${m.filter}: ${m.appMetrics}`}
              value={filter.value}
              onInput={(event) => (filter.value = event.currentTarget.value)}
            />
          </span>
        )}
      </div>
      {found.length === 0 && <p class="sub pad">{m.filterNone(filter.value)}</p>}
      <div class="g12">
        {found.slice(0, count.value).map((spec) => (
          <Chart key={spec.key} spec={spec} resource={resource} view={view} live={source} bands={bands} class="c6" />
        ))}
      </div>
      {found.length > count.value && (
        <button class="btn more" onClick={() => (count.value += AT_ONCE)}>
          <Icon name="down" size={13} />
          {m.showMore(num(Math.min(AT_ONCE, found.length - count.value)))}
        </button>
      )}
    </section>
  );
}
