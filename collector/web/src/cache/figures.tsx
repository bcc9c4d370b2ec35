// The figures of one Redis: hit ratio, clients, keys, commands, what was removed, memory against its limit.

import { api } from '../api/client';
import { bytes, num, pct, short, span } from '../i18n/format';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { Gauge } from '../ui/gauge';
import { fragmentation, HIT_OK, HIT_WARN, type CacheShot } from './source';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const REMOVED = ['redis.keys.evicted', 'redis.keys.expired'] as const;
/** Where the memory's bar has its tick, and from where it is critical. */
const MEMORY_WARN = 0.8;
const MEMORY_CRIT = 0.9;

export interface Removed {
  evicted: number | null;
  expired: number | null;
}

/** How many keys were evicted and expired in the last day; null until history says so. */
function useRemoved(resource: number | null | undefined): Removed {
  const { data } = useAnswer(`removed ${resource}`, 60_000, async (signal) => {
    if (resource == null) return null;
    const to = clock.now();
    const order = { metrics: REMOVED, resources: [resource], from: to - DAY_MS, to, step: HOUR_MS };
    return api.query({ ...order, aggregate: 'increase' }, signal);
  });
  const sum = (metric: string) => {
    let total: number | null = null;
    for (const series of data?.series ?? []) {
      if (series.metric !== metric) continue;
      for (const [, value] of series.points) if (value !== null) total = (total ?? 0) + value;
    }
    return total;
  };
  return { evicted: sum(REMOVED[0]), expired: sum(REMOVED[1]) };
}

export const count = (value: number | null | undefined) => (value == null ? t.value.none : num(value));

export function HitGauge({ shot, size = 148 }: { shot: CacheShot; size?: number }) {
  const m = t.value;
  const ratio = shot.hit_ratio;
  return (
    <Gauge
      value={ratio}
      warning={HIT_OK}
      critical={HIT_WARN}
      label={m.cacheHitRatioSmall}
      text={ratio === null ? m.none : pct(ratio)}
      sub={ratio === null ? m.cacheNoReads : m.cacheHitRatioSmall}
      size={size}
    />
  );
}

export function memoryLevel(ratio: number | null): 'ok' | 'warn' | 'crit' {
  if (ratio === null || ratio <= MEMORY_WARN) return 'ok';
  return ratio > MEMORY_CRIT ? 'crit' : 'warn';
}

/** Memory in use against the limit. Without a limit of its own it may take what the machine has. */
export function MemoryBar({ shot, foot }: { shot: CacheShot; foot?: string }) {
  const m = t.value;
  const { used_memory: used, memory_limit: limit } = shot;
  const ratio = used === null || limit === null || limit <= 0 ? null : used / limit;
  const torn = fragmentation(shot);
  const left = [
    torn === null ? '' : m.cacheFragmentation(num(torn, 2)),
    foot ?? (shot.peak_memory === null ? '' : m.cachePeak(bytes(shot.peak_memory))),
    shot.maxmemory === 0 ? m.cacheNoLimit : '',
  ];
  return (
    <div class="membar">
      <div class="row">
        <span class="sub grow ell">
          {m.memory}
          {shot.maxmemory_policy !== null && (
            <>
              {' · '}
              <span class="mono">{shot.maxmemory_policy}</span>
            </>
          )}
        </span>
        <span class="tn">
          <b>{used === null ? m.none : bytes(used)}</b>
          {limit !== null && <span class="muted"> {m.cacheOf(bytes(limit))}</span>}
        </span>
      </div>
      <div class={`meter ${memoryLevel(ratio)}`} aria-hidden="true">
        {ratio !== null && <i style={{ width: `${Math.min(100, ratio * 100).toFixed(1)}%` }} />}
        <u style={{ left: `${MEMORY_WARN * 100}%` }} />
      </div>
      <div class="row membar-foot">
        <span class="grow">{left.filter(Boolean).join(' · ')}</span>
        <span class={`tn ${memoryLevel(ratio) === 'ok' ? '' : memoryLevel(ratio)}`}>
          {ratio === null ? m.none : pct(ratio, 0)}
        </span>
      </div>
    </div>
  );
}

export function CacheFigures({ shot, resource }: { shot: CacheShot; resource: number | null | undefined }) {
  const m = t.value;
  const removed = useRemoved(resource);
  const lifetime = shot.hit_ratio_lifetime;
  return (
    <>
      <div class="row cachefig">
        <HitGauge shot={shot} />
        <dl class="kv grow">
          <div title={shot.maxclients === null ? undefined : m.cacheOf(num(shot.maxclients))}>
            <dt>{m.cacheClients}</dt>
            <dd>
              {count(shot.connected_clients)}
              {(shot.blocked_clients ?? 0) > 0 && (
                <span class="faint">{m.cacheBlocked(num(shot.blocked_clients ?? 0))}</span>
              )}
            </dd>
          </div>
          <div>
            <dt>{m.cacheKeys}</dt>
            <dd>{count(shot.keys)}</dd>
          </div>
          <div>
            <dt>{m.cacheCommands}</dt>
            <dd>{shot.ops_per_sec === null ? m.none : `${short(shot.ops_per_sec)}/s`}</dd>
          </div>
          <div>
            <dt>{m.cacheEvicted}</dt>
            <dd class={(removed.evicted ?? 0) > 0 ? 'warn' : ''}>{count(removed.evicted)}</dd>
          </div>
          <div>
            <dt>{m.cacheExpired}</dt>
            <dd>{count(removed.expired)}</dd>
          </div>
        </dl>
      </div>
      <MemoryBar shot={shot} />
      <p class="sub cachefoot">
        {[
          shot.ping_ms === null ? '' : `ping ${num(shot.ping_ms, shot.ping_ms < 10 ? 2 : 0)} ms`,
          shot.uptime_s === null ? '' : m.upFor(span(shot.uptime_s * 1000)),
          lifetime === null ? '' : m.cacheLifetime(pct(lifetime)),
        ]
          .filter(Boolean)
          .join(' · ')}
      </p>
    </>
  );
}

/** "Redis 7.4.1 · primary". */
export function cacheName(shot: CacheShot): string {
  const m = t.value;
  const roles: Record<string, string> = {
    master: m.cachePrimary,
    primary: m.cachePrimary,
    slave: m.cacheReplica,
    replica: m.cacheReplica,
  };
  const mode = shot.mode === null || shot.mode === 'standalone' ? '' : shot.mode;
  return [
    shot.version === null ? 'Redis' : `Redis ${shot.version}`,
    mode,
    shot.role === null ? '' : (roles[shot.role] ?? shot.role),
  ]
    .filter(Boolean)
    .join(' · ');
}
