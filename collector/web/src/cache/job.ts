// A deletion by pattern while it runs: asked about until it ends, wherever the person goes meanwhile. One at a time.

import { signal } from '@preact/signals';

import { ApiError } from '../api/client';
import { cache, type Progress } from '../api/cache';
import { num } from '../i18n/format';
import { t } from '../i18n/index';
import { refusal } from './refusal';
import { tell } from './undo';

const ASK_MS = 500;
/** After a failed question. */
const AGAIN_MS = 2_000;
/** A minute without an answer: it may have ended, nobody here knows. */
const FAILURES_MAX = 30;

export interface Job {
  id: string;
  instance: string;
  pattern: string;
  expected: number;
  progress: Progress | null;
  isStopping: boolean;
  /** Why nothing more is known of it. */
  failure: string | null;
}

export const job = signal<Job | null>(null);

function change(id: string, some: Partial<Job>): void {
  const now = job.peek();
  if (now?.id === id) job.value = { ...now, ...some };
}

function ended(of: Job, progress: Progress): void {
  const m = t.peek();
  const { deleted, undo, state } = progress;
  if (state === 'failed') {
    change(of.id, { progress, failure: progress.detail ?? m.actFailed });
    return;
  }
  const text = m.patternDone(num(deleted), deleted, of.instance);
  const words: Record<string, string> = { cancelled: m.patternStopped, partial: progress.detail ?? m.patternPartial };
  const more = words[state];
  tell(more === undefined ? 'ok' : 'warn', of.instance, more === undefined ? text : `${text} ${more}`, undo);
  if (job.peek()?.id === of.id) job.value = null;
}

async function ask(id: string, failures: number): Promise<void> {
  const of = job.peek();
  if (of?.id !== id) return;
  try {
    const progress = await cache.progress(id);
    if (progress.state !== 'running') {
      ended(of, progress);
      return;
    }
    change(id, { progress, failure: null });
    setTimeout(() => void ask(id, 0), ASK_MS);
  } catch (error) {
    const isGone = error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
    if (isGone || failures + 1 >= FAILURES_MAX) {
      change(id, { failure: refusal(error) });
      return;
    }
    setTimeout(() => void ask(id, failures + 1), AGAIN_MS);
  }
}

/** Follows a job until it ends. */
export function follow(id: string, instance: string, pattern: string, expected: number): void {
  job.value = { id, instance, pattern, expected, progress: null, isStopping: false, failure: null };
  void ask(id, 0);
}

/** Asks the collector to stop after the batch it is at. What is deleted stays deleted. */
export async function stop(): Promise<void> {
  const now = job.peek();
  if (!now) return;
  change(now.id, { isStopping: true });
  try {
    await cache.stop(now.id);
  } catch (error) {
    change(now.id, { isStopping: false, failure: refusal(error) });
  }
}

/** Takes a job that ended badly off the page. */
export function forgetJob(): void {
  job.value = null;
}
