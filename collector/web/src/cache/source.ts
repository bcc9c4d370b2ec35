// Redis as the page has it: the chosen instance, its figures, and what they are measured by.

import type { CacheMetrics } from '../api/cache';
import { instanceKey, type OutsideAnswer, type Shot } from '../api/outside';
import { outside } from '../api/outside-client';
import { useAnswer, type Answer } from '../live/answer';

/** Redis is asked every 2 s; figures that people read need no more than this. */
const ASK_MS = 5_000;

export type CacheAnswer = OutsideAnswer<CacheMetrics>;
export type CacheShot = Shot<CacheMetrics>;

/** How a Redis is asked for, by its name. */
export function cacheKey(name: string): string {
  return instanceKey({ kind: 'redis', name });
}

export function useCache(instance: string | null): Answer<CacheAnswer> {
  return useAnswer(`cache ${instance ?? ''}`, ASK_MS, (signal) => outside.redis(instance, signal));
}

/** Warning and critical of the hit ratio, as the design sets them. */
export const HIT_OK = 0.9;
export const HIT_WARN = 0.7;

/** Below this the ratio of fragmentation tells of the allocator's own pages, not of waste. */
const FRAGMENTATION_FROM = 100 * 1024 * 1024;

export function fragmentation(shot: CacheMetrics): number | null {
  const { used_memory: used, fragmentation_ratio: ratio } = shot;
  return used === null || used < FRAGMENTATION_FROM ? null : ratio;
}
