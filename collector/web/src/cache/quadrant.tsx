// The quadrant of the overview about the cache.

import { useSignal } from '@preact/signals';

import { LazyChart } from '../chart/lazy';
import { num, short } from '../i18n/format';
import { t } from '../i18n/index';
import { OutsideCard } from '../outside/card';
import type { Connect } from '../outside/notes';
import { useResource } from '../outside/source';
import { configured } from '../api/outside';
import { hrefWith } from '../state/route';
import { may, role, roleWord } from '../state/roles';
import { Icon } from '../ui/icon';
import { useReads } from './charts';
import { cacheName, count, HitGauge, MemoryBar } from './figures';
import { cacheKey, useCache, type CacheShot } from './source';
import { goWith } from './wish';

function Reads({ resource }: { resource: number | null | undefined }) {
  const m = t.value;
  const { spec, data, failure, retry } = useReads(resource);
  const last = (i: number) => data?.answer.series[i]?.points.at(-1)?.[1] ?? null;
  const [misses, hits] = [last(0), last(1)];
  return (
    <div class="reads">
      <div class="row sub">
        <span class="grow">{m.cacheReads}</span>
        {hits !== null && misses !== null && (
          <span class="tn">
            {short(hits)} <span class="faint">/ {m.cachePerSecond(short(misses))}</span>
          </span>
        )}
      </div>
      <LazyChart spec={spec} data={data} failure={failure} onRetry={retry} isBare class="nolegend" />
    </div>
  );
}

function InspectField({ shot }: { shot: CacheShot }) {
  const m = t.value;
  const key = useSignal('');
  const isOpen = shot.allow_actions && may('operator');
  const why = !shot.allow_actions
    ? m.readOnlyShort
    : isOpen
      ? undefined
      : m.roleNeeded(roleWord('operator'), roleWord(role()));
  const submit = (event: Event) => {
    event.preventDefault();
    const name = key.peek().trim();
    if (name !== '' && isOpen) goWith({ kind: 'inspect', instance: shot.instance, key: name });
  };
  return (
    <>
      <form class="row quad-inspect" onSubmit={submit}>
        <span class="in grow">
          <Icon name="key" size={14} />
          <input
            class="mono"
            aria-label={m.cacheKey}
            aria-describedby={why === undefined ? undefined : 'q-inspect-why'}
            placeholder="session:4f1c…"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            disabled={!isOpen}
            value={key.value}
            onInput={(event) => (key.value = event.currentTarget.value)}
          />
        </span>
        <button class="btn" disabled={!isOpen || key.value.trim() === ''}>
          <Icon name="eye" size={14} />
          {m.inspect}
        </button>
      </form>
      {why !== undefined && (
        <p id="q-inspect-why" class="hint">
          {why}
        </p>
      )}
    </>
  );
}

function Foot({ shot }: { shot: CacheShot }) {
  const m = t.value;
  const isOpen = shot.allow_actions && may('super_admin');
  const why = !shot.allow_actions ? m.readOnlyShort : m.roleNeeded(roleWord('super_admin'), roleWord(role()));
  return (
    <>
      <a class="grow" href={hrefWith('/cache', { instance: cacheKey(shot.instance) })}>
        {m.cacheOpen}
      </a>
      <button
        class="btn danger sm"
        disabled={!isOpen}
        title={isOpen ? undefined : why}
        aria-describedby={isOpen ? undefined : 'q-flush-why'}
        onClick={() => goWith({ kind: 'flush', instance: shot.instance })}
      >
        <Icon name="trash" size={13} />
        {m.flushButton}
      </button>
      {!isOpen && (
        <span id="q-flush-why" class="sr">
          {why}
        </span>
      )}
    </>
  );
}

function Content({ shot, resource }: { shot: CacheShot; resource: number | null | undefined }) {
  const m = t.value;
  const evicted = shot.evicted_keys;
  return (
    <>
      <div class="row cachefig">
        <HitGauge shot={shot} size={140} />
        <dl class="bigs grow">
          <div>
            <dt>{m.cacheClientsLong}</dt>
            <dd>{count(shot.connected_clients)}</dd>
          </div>
          <div>
            <dt>{m.cacheKeysLong}</dt>
            <dd>{count(shot.keys)}</dd>
          </div>
        </dl>
      </div>
      <MemoryBar shot={shot} foot={evicted === null ? '' : m.cacheEvictions(num(evicted), evicted)} />
      <Reads resource={resource} />
      <InspectField shot={shot} />
    </>
  );
}

export function cacheConnect(): Connect {
  return { kind: 'redis', title: 'Redis', text: t.value.emptyCache, icon: 'db' };
}

export function CacheQuadrant() {
  const m = t.value;
  const answer = useCache(null);
  const resource = useResource('redis', configured(answer.data)?.instance ?? null);
  return (
    <OutsideCard
      id="q-cache"
      title={m.cache}
      connect={cacheConnect()}
      source={(shot) => cacheName(shot).split(' · ')[0] ?? ''}
      hasBadge
      answer={answer}
      height={420}
      foot={(shot) => <Foot shot={shot} />}
    >
      {(shot) => <Content shot={shot} resource={resource} />}
    </OutsideCard>
  );
}
