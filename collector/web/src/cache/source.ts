// Redis as the page has it: the chosen instance, its figures, and the number under which its history is kept.

import { cache, integrations, type CacheMetrics } from '../api/cache';
import { resourceOf, type Configured, type IntegrationsAnswer, type Source } from '../api/source';
import { useAnswer, type Answer } from '../live/answer';

/** Redis is asked every 2 s; figures that people read need no more than this. */
const ASK_MS = 5_000;
/** Numbers of resources do not change; a new one comes with its first sample. */
const NUMBERS_MS = 60_000;

export type CacheSource = Source<CacheMetrics>;
export type CacheShot = Configured & CacheMetrics;

export function useCache(instance: string | null): Answer<CacheSource> {
  return useAnswer(`cache ${instance ?? ''}`, ASK_MS, (signal) => cache.metrics(instance, signal));
}

export function useIntegrations(): Answer<IntegrationsAnswer> {
  return useAnswer('integrations', NUMBERS_MS, (signal) => integrations(signal));
}

/** The resource of an instance: null when it has none, undefined until the list of integrations came. */
export function useResource(kind: string, instance: string | null): number | null | undefined {
  const { data, failure } = useIntegrations();
  if (data === null) return failure === null ? undefined : null;
  return instance === null ? undefined : resourceOf(data, kind, instance);
}

/** Warning and critical of the hit ratio, as the design sets them. */
export const HIT_OK = 0.9;
export const HIT_WARN = 0.7;

export function hitLevel(ratio: number | null): 'ok' | 'warn' | 'crit' | 'unk' {
  if (ratio === null) return 'unk';
  if (ratio >= HIT_OK) return 'ok';
  return ratio >= HIT_WARN ? 'warn' : 'crit';
}

/** Below this the ratio of fragmentation tells of the allocator's own pages, not of waste. */
const FRAGMENTATION_FROM = 100 * 1024 * 1024;

export function fragmentation(shot: CacheMetrics): number | null {
  const { used_memory: used, fragmentation_ratio: ratio } = shot;
  return used === null || used < FRAGMENTATION_FROM ? null : ratio;
}
