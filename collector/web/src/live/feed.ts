// The live stream of the page: gathers messages, applies them once per animation frame, holds them while paused.
//
// In: envelopes and polled answers from the link. Out: the fleet's signals, frames for the open resource, and the
// figures of the top bar. Bounded: at most `HELD_MAX` frames wait; beyond it they are dropped and history is asked again.

import { batch, signal } from '@preact/signals';

import { address, api } from '../api/client';
import type { Envelope, FramePayload, OverviewPayload, ResourcesAnswer } from '../api/types';
import { left } from '../state/session';
import * as clock from './clock';
import * as fleet from './fleet';
import { Link, type LinkState, type Socket } from './link';

/** A minute of a watched resource at ten frames a second: a hidden tab gets no animation frames. */
const HELD_MAX = 600;
const LATENCY_WINDOW_MS = 10_000;

export const linkState = signal<LinkState>('idle');
export const retryAt = signal<number | null>(null);
/** When the page went into its present pause, or null. */
export const pausedAt = signal<number | null>(null);
/** Values that came since the pause began. */
export const arrived = signal(0);
/** Median time from sample to screen, in milliseconds. */
export const latency = signal<number | null>(null);
/** Collector's time when something last came. */
export const lastHeard = signal<number | null>(null);
/** Counts up whenever history has to be asked for again: reconnected, resumed, or frames were dropped. */
export const refresh = signal(0);
/** The collector's time, once a second while the page is seen. */
export const now = signal(clock.now());

type FrameListener = (frame: FramePayload) => void;

let watched: { room: string; listen: FrameListener } | null = null;
let overviews = new Map<number, OverviewPayload['resources'][number]>();
let frames: FramePayload[] = [];
let isScheduled = false;
let hasDropped = false;
let isReloading = false;
let seen: { at: number; ms: number }[] = [];

const link = new Link({
  open: () => new WebSocket(address('api/monitoring/ws').replace(/^http/, 'ws')) as unknown as Socket,
  poll: () => api.current(),
  now: () => Date.now(),
  random: () => Math.random(),
  setTimer: (act, ms) => window.setTimeout(act, ms),
  clearTimer: (id) => window.clearTimeout(id),
  onState: (state, at) => {
    linkState.value = state;
    retryAt.value = at;
    if (state !== 'open') latency.value = null;
  },
  onEnvelope: receive,
  onPolled: polled,
  onRestored: () => {
    void reload();
    if (pausedAt.peek() === null) refresh.value += 1;
  },
  onUnauthorized: left,
});

function heard(): void {
  lastHeard.value = clock.now();
}

function receive(envelope: Envelope): void {
  if (Number.isFinite(envelope.timestamp)) clock.observePush(envelope.timestamp, Date.now());
  heard();
  if (envelope.message_type !== 'Metrics') return;
  const payload = envelope.payload as OverviewPayload | FramePayload;
  if ('resources' in payload) {
    for (const row of payload.resources) overviews.set(row.id, row);
    if (pausedAt.peek() !== null && !watched) arrived.value += payload.resources.length;
  } else if (watched && payload.room === watched.room) {
    if (pausedAt.peek() !== null) arrived.value += payload.values.length;
    if (frames.length < HELD_MAX) frames.push(payload);
    else hasDropped = true;
  }
  schedule();
}

function polled(answer: ResourcesAnswer): void {
  heard();
  if (pausedAt.peek() !== null) {
    arrived.value += answer.resources.length;
    return;
  }
  batch(() => {
    fleet.load(answer.resources);
    now.value = clock.now();
  });
}

function schedule(): void {
  if (isScheduled || pausedAt.peek() !== null) return;
  isScheduled = true;
  requestAnimationFrame(applyAll);
}

function applyAll(): void {
  isScheduled = false;
  if (pausedAt.peek() !== null) return;
  const rows = [...overviews.values()];
  const held = frames;
  overviews = new Map();
  frames = [];
  let newest = 0;
  batch(() => {
    if (!fleet.apply({ room: 'overview', resources: rows })) void reload();
    for (const frame of held) {
      watched?.listen(frame);
      newest = Math.max(newest, frame.time);
    }
    if (held.length === 0) for (const row of rows) newest = Math.max(newest, row.time);
    if (hasDropped) {
      hasDropped = false;
      refresh.value += 1;
    }
    now.value = clock.now();
  });
  // After the paint of this frame.
  if (newest > 0) setTimeout(() => measure(newest), 0);
}

function measure(sample: number): void {
  const at = clock.now();
  seen.push({ at, ms: Math.max(0, at - sample) });
  seen = seen.filter((entry) => at - entry.at <= LATENCY_WINDOW_MS);
  const sorted = seen.map((entry) => entry.ms).sort((a, b) => a - b);
  latency.value = sorted[sorted.length >> 1] ?? null;
}

/** Asks for the list of resources: at the start, after a break, and when a message spoke of an unknown one. */
export async function reload(): Promise<void> {
  if (isReloading) return;
  isReloading = true;
  try {
    const answer = await api.resources();
    heard();
    batch(() => {
      fleet.load(answer.resources);
      now.value = clock.now();
    });
  } catch {
    // The link's state tells; the next message or reconnection asks again.
  } finally {
    isReloading = false;
  }
}

/** Freezes the page, or lets it go on with everything that came meanwhile. */
export function togglePause(): void {
  if (pausedAt.peek() === null) {
    arrived.value = 0;
    pausedAt.value = clock.now();
    return;
  }
  pausedAt.value = null;
  if (hasDropped || linkState.peek() !== 'open') refresh.value += 1;
  hasDropped = false;
  seen = [];
  schedule();
}

/** Receives the frames of one resource until the returned function is called. */
export function watch(resource: number, listen: FrameListener): () => void {
  const mine = { room: `resource:${resource}`, listen };
  watched = mine;
  frames = [];
  link.subscribe(['overview', mine.room]);
  return () => {
    if (watched !== mine) return;
    watched = null;
    frames = [];
    link.subscribe(['overview']);
  };
}

export function retryNow(): void {
  link.retryNow();
}

let ticker: number | null = null;

function tick(): void {
  if (!document.hidden && pausedAt.peek() === null) now.value = clock.now();
}

/** Starts the stream for a signed-in user. */
export function start(): void {
  link.subscribe(['overview']);
  link.start();
  ticker ??= window.setInterval(tick, 1000);
  void reload();
}

/** Ends it; nothing of the user's data stays. */
export function stop(): void {
  link.stop();
  if (ticker !== null) window.clearInterval(ticker);
  ticker = null;
  overviews = new Map();
  frames = [];
  seen = [];
  pausedAt.value = null;
  lastHeard.value = null;
  fleet.clear();
}
