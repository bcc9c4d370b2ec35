// One Redis: its figures over time, and what may be done to its keys.

import { CacheActions } from '../cache/actions';
import { useCacheCharts, useCacheHistory } from '../cache/charts';
import { cacheName, CacheFigures } from '../cache/figures';
import { useCache, useResource, type CacheShot, type CacheSource } from '../cache/source';
import { CacheTables } from '../cache/tables';
import { DataChart } from '../chart/chart';
import { snapshot } from '../api/source';
import { t } from '../i18n/index';
import type { Answer } from '../live/answer';
import { Shell } from '../shell/shell';
import { param } from '../state/route';
import { InstancePicker, NotSetUp, SourceCard, SourceNotes } from '../ui/source';

interface TopProps {
  answer: Answer<CacheSource>;
  resource: number | null | undefined;
  shot: CacheShot | null;
}

function Top({ answer, resource, shot }: TopProps) {
  const m = t.value;
  const history = useCacheHistory(resource);
  const limit = shot?.maxmemory ?? 0;
  // A limit far above would flatten the line of what is used.
  const charts = useCacheCharts(history, limit > 0 && (shot?.used_memory ?? 0) > limit / 8);
  const more = { failure: history.failure, onRetry: history.retry };
  const name = answer.data?.configured === true ? answer.data.instance : m.cache;
  return (
    <div class="g12">
      <SourceCard
        id="instance"
        title={name}
        sub={cacheName}
        class="c4"
        icon="db"
        none={m.cacheNotSetUp}
        answer={answer}
        height={230}
      >
        {(found) => <CacheFigures shot={found} resource={resource} />}
      </SourceCard>
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
  const source = data?.configured === true ? data : null;
  const resource = useResource('redis', source?.instance ?? null);
  if (data?.configured === false) {
    return (
      <section class="card">
        <div class="b first-run">
          <NotSetUp source={data} icon="db" title={m.cacheNotSetUp} />
        </div>
      </section>
    );
  }
  const shot = data && snapshot(data);
  return (
    <>
      {source !== null && source.instances.length > 1 && (
        <div class="row wrap tools">
          <InstancePicker source={source} name="instance" label={m.cacheInstance} />
        </div>
      )}
      {source !== null && source.as_of !== null && <SourceNotes source={source} />}
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
