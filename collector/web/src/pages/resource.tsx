// One resource: what it is, how it does, its charts with one crosshair, its processes, and what runs inside.

import { useEffect, useMemo } from 'preact/hooks';

import { useBands } from '../alerts/bands';
import { Chart } from '../chart/chart';
import { viewOf } from '../chart/view';
import { pct } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { linkState, pausedAt, refresh } from '../live/feed';
import { children, fleet, isLoaded, type Resource } from '../live/fleet';
import { worstFirst } from '../overview/hosts';
import { AppMetrics } from '../resource/app-metrics';
import { charts } from '../resource/charts';
import { Header } from '../resource/header';
import { Processes } from '../resource/processes';
import { useSource } from '../resource/source';
import { Shell } from '../shell/shell';
import { zoomBy } from '../shell/top-bar';
import { href, range, zoom } from '../state/route';
import { Icon } from '../ui/icon';
import { Empty, Skeleton, StatusIcon } from '../ui/parts';
import { NotFound } from './not-found';

/** Without a socket the charts are asked for again so often. */
const POLLED_CHARTS_MS = 5_000;

function Crumbs({ resource }: { resource: Resource }) {
  const { parent } = resource.row.value;
  const above = parent === null ? undefined : fleet.value.get(parent);
  return (
    <span class="row d-only">
      <a href={href('/')}>{t.value.overview}</a>
      <Icon name="chevr" size={12} />
      {above && (
        <>
          <a href={href(`/resource/${above.id}`)}>{above.row.value.name}</a>
          <Icon name="chevr" size={12} />
        </>
      )}
    </span>
  );
}

function InsideCard({ resource }: { resource: Resource }) {
  const m = t.value;
  const list = [...(children.value.get(resource.id) ?? [])].sort(worstFirst);
  if (list.length === 0) return null;
  return (
    <section class="card c6" aria-labelledby="inside">
      <header>
        <h2 id="inside">{m.insideTitle}</h2>
        <span class="src">{m.countResources(list.length)}</span>
      </header>
      <div class="b flush">
        <div class="scroll procs" tabIndex={0} role="region" aria-label={m.tableOf(m.insideTitle)}>
          <table class="tbl tight end">
            <thead>
              <tr>
                <th scope="col">{m.colName}</th>
                <th scope="col" class="n">
                  {m.colCpu}
                </th>
                <th scope="col" class="n">
                  {m.colMemory}
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map((child) => (
                <ChildRow key={child.id} resource={child} />
              ))}
            </tbody>
          </table>
        </div>
      </div>
    </section>
  );
}

function ChildRow({ resource }: { resource: Resource }) {
  const { status, latest } = resource.live.value;
  const share = (ratio: number | null) => (ratio === null ? '—' : pct(ratio));
  return (
    <tr>
      <td>
        <span class="row">
          <StatusIcon status={status} size={14} />
          <a class="ell" href={href(`/resource/${resource.id}`)}>
            {resource.row.value.name}
          </a>
        </span>
      </td>
      <td class="n">{share(latest.cpu_ratio)}</td>
      <td class="n">{share(latest.memory_ratio)}</td>
    </tr>
  );
}

/** The identity of what the charts need: processes come and go without the charts being made anew. */
function chartKey(series: readonly { id: number; metric: string }[] | null): string {
  return (series ?? [])
    .filter(({ metric }) => !metric.startsWith('process.') && !metric.startsWith('farol.agent.'))
    .map(({ id }) => id)
    .join();
}

function Body({ resource }: { resource: Resource }) {
  const m = t.value;
  const source = useSource(resource.id);
  const bands = useBands(resource.id);
  const { interval_ms: interval, first_seen: firstSeen } = resource.row.value;
  const [chosen, zoomed] = [range.value, zoom.value];
  const view = useMemo(
    () => viewOf(chosen, zoomed, interval, firstSeen),
    [JSON.stringify([chosen, zoomed]), interval, firstSeen],
  );
  const series = source.series.value;
  const specs = useMemo(() => charts(series ?? []), [chartKey(series), lang.value]);
  const isPolling = linkState.value === 'polling' && view.isLive;
  useEffect(() => {
    if (!isPolling) return;
    const timer = setInterval(() => {
      if (pausedAt.peek() === null && !document.hidden) refresh.value += 1;
    }, POLLED_CHARTS_MS);
    return () => clearInterval(timer);
  }, [isPolling]);
  return (
    <>
      <Header resource={resource} source={source} />
      {series === null && source.failure.value === null && <Skeleton height={480} />}
      {series === null && source.failure.value !== null && (
        <section class="card">
          <div class="b">
            <Empty icon="crit" title={m.chartFailed} text={source.failure.value} />
          </div>
        </section>
      )}
      {specs.length > 0 && (
        <div class="m-only zoom-tools" role="group" aria-label={m.range}>
          <button class="btn" onClick={() => zoomBy(2)}>
            <Icon name="minus" size={14} />
            {m.zoomOut}
          </button>
          <button class="btn" onClick={() => zoomBy(0.5)}>
            <Icon name="plus" size={14} />
            {m.zoomIn}
          </button>
        </div>
      )}
      {series !== null && (
        <div class="g12">
          {specs.map((spec) => (
            <Chart
              key={spec.key}
              spec={spec}
              resource={resource.id}
              view={view}
              live={source}
              bands={bands}
              class="c6"
            />
          ))}
          <Processes resource={resource.id} source={source} view={view} cores={resource.live.value.latest.cpu_limit} />
          <InsideCard resource={resource} />
        </div>
      )}
      {series !== null && (
        <AppMetrics resource={resource.id} series={series} source={source} view={view} bands={bands} />
      )}
    </>
  );
}

export function ResourcePage({ id }: { id: number }) {
  const m = t.value;
  const resource = fleet.value.get(id);
  if (!resource) {
    if (isLoaded.value) return <NotFound title={m.resourceUnknown} text={m.resourceUnknownText} />;
    return (
      <Shell title={m.loading} ranges="any">
        <Skeleton height={180} />
        <Skeleton height={480} />
      </Shell>
    );
  }
  return (
    <Shell title={resource.row.value.name} crumbs={<Crumbs resource={resource} />} ranges="any">
      <Body key={id} resource={resource} />
    </Shell>
  );
}
