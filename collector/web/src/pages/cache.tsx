// One Redis: its figures over time, and what may be done to its keys.

import { useBands } from '../alerts/bands';
import { CacheActions } from '../cache/actions';
import { useCacheCharts, useCacheHistory } from '../cache/charts';
import { cacheName, CacheFigures } from '../cache/figures';
import { cacheConnect } from '../cache/quadrant';
import { useCache, type CacheAnswer, type CacheShot } from '../cache/source';
import { CacheTables } from '../cache/tables';
import { DataChart } from '../chart/chart';
import { configured, snapshot } from '../api/outside';
import { t } from '../i18n/index';
import type { Answer } from '../live/answer';
import { OutsideCard } from '../outside/card';
import { FirstRun, NotConnected, Trouble } from '../outside/notes';
import { InstancePicker } from '../outside/picker';
import { useResource } from '../outside/source';
import { Shell } from '../shell/shell';
import { param } from '../state/route';
import { Skeleton } from '../ui/parts';

interface TopProps {
  answer: Answer<CacheAnswer>;
  resource: number | null | undefined;
  shot: CacheShot | null;
}

function Top({ answer, resource, shot }: TopProps) {
  const m = t.value;
  const history = useCacheHistory(resource);
  const limit = shot?.maxmemory ?? 0;
  // A limit far above would flatten the line of what is used.
  const charts = useCacheCharts(history, limit > 0 && (shot?.used_memory ?? 0) > limit / 8);
  const more = { failure: history.failure, onRetry: history.retry, bands: useBands(resource ?? null) };
  const name = configured(answer.data)?.instance ?? m.cache;
  return (
    <div class="g12">
      <OutsideCard
        id="instance"
        title={name}
        source={cacheName}
        class="c4"
        connect={cacheConnect()}
        hasBadge
        isQuiet
        answer={answer}
        height={230}
      >
        {(found) => <CacheFigures shot={found} resource={resource} />}
      </OutsideCard>
      <DataChart {...charts.hit} {...more} class="c4" />
      <section class="card c4" aria-labelledby="c-memory-commands">
        <header>
          <h2 id="c-memory-commands">{m.cacheMemoryCommands}</h2>
        </header>
        <div class="b">
          <DataChart {...charts.memory} {...more} isBare />
          <DataChart {...charts.commands} {...more} isBare />
        </div>
      </section>
    </div>
  );
}

function Body() {
  const m = t.value;
  const answer = useCache(param('instance'));
  const { data } = answer;
  const known = configured(data);
  const resource = useResource('redis', known?.instance ?? null);
  if (data?.configured === false) {
    return (
      <FirstRun>
        <NotConnected connect={cacheConnect()} lines={data} />
      </FirstRun>
    );
  }
  if (data === null && answer.failure === null) return <Skeleton height={480} />;
  const shot = snapshot(data);
  return (
    <>
      {known !== null && known.instances.length > 1 && (
        <div class="row wrap tools">
          <InstancePicker source={known} name="instance" label={m.cacheInstance} />
        </div>
      )}
      {shot && <Trouble answer={shot} />}
      <Top answer={answer} resource={resource} shot={shot} />
      {shot && <CacheActions shot={shot} />}
      {shot && <CacheTables shot={shot} />}
    </>
  );
}

export function CachePage() {
  // Another instance is another page: nothing of the first may stay on screen as if it were the second's.
  return (
    <Shell title={t.value.cache} ranges="any">
      <Body key={param('instance') ?? ''} />
    </Shell>
  );
}
