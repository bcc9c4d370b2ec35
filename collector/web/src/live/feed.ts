// The live stream of the page: gathers messages, applies them once per animation frame, holds them while paused.
//
// In: envelopes and polled answers from the link. Out: the fleet's signals, frames for the open resource, records for the
// open lists, and the figures of the top bar. Bounded: at most `HELD_MAX` frames wait; beyond it they are dropped and history is asked again.

import { batch, signal } from '@preact/signals';

import { address, api } from '../api/client';
import type { Envelope, FramePayload, OverviewPayload, ResourcesAnswer } from '../api/types';
import { goesOn, left } from '../state/session';
import * as clock from './clock';
import { forget } from './compare';
import * as fleet from './fleet';
import { Link, type LinkState, RETRY_MS, type Socket } from './link';

/** A minute of a watched resource at ten frames a second: a hidden tab gets no animation frames. */
const HELD_MAX = 600;
const LATENCY_WINDOW_MS = 10_000;
/** Records of one room that wait for the next frame; a list on the page shows no more. */
const RECORDS_HELD_MAX = 500;
/** Where the record stands in the payload of a message. */
const RECORD_FIELDS: Record<string, string> = { Event: 'event', Log: 'log', Check: 'check' };

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
type RecordListener = (records: readonly unknown[]) => void;

let watched: { room: string; listen: FrameListener } | null = null;
let overviews = new Map<number, OverviewPayload['resources'][number]>();
let frames: FramePayload[] = [];
/** Who listens to which room of records, and what waits for them. */
const joined = new Map<string, Set<RecordListener>>();
const records = new Map<string, unknown[]>();
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
  onUnauthorized: () => void goesOn().then((isIn) => (isIn ? setTimeout(() => link.retryNow(), RETRY_MS[1]) : left())),
});

function heard(): void {
  lastHeard.value = clock.now();
}

function receive(envelope: Envelope): void {
  if (Number.isFinite(envelope.timestamp)) clock.observePush(envelope.timestamp, Date.now());
  heard();
  const field = RECORD_FIELDS[envelope.message_type];
  if (field !== undefined) {
    const payload = envelope.payload as Record<string, unknown>;
    // The dashboard's room tells events beside its figures: here they have lists of their own.
    if (payload['room'] !== 'dashboard') hold(payload, field);
    return;
  }
  // Its shape is of no interest here: who listens asks what is open now.
  if (envelope.message_type === 'Alert') {
    hold({ room: 'alerts', alert: envelope }, 'alert');
    return;
  }
  if (envelope.message_type === 'Snapshot') {
    // Too slow for what happened: the lists ask again.
    hasDropped = true;
    schedule();
    return;
  }
  if (envelope.event === 'system_stats') hold({ room: 'system', data: envelope.data }, 'data');
  if (envelope.message_type !== 'Metrics') return;
  const payload = envelope.payload as OverviewPayload | FramePayload | Record<string, unknown>;
  if (isFigures(payload)) {
    hold({ room: 'dashboard', figures: payload }, 'figures');
    return;
  }
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

/** Whether a message is of the room `dashboard`: figures by name, without a list. */
function isFigures(
  payload: OverviewPayload | FramePayload | Record<string, unknown>,
): payload is Record<string, unknown> {
  return !('resources' in payload) && !('values' in payload);
}

/** Keeps a pushed record for the next frame. What comes during a pause is asked for afterwards. */
function hold(payload: Record<string, unknown>, field: string): void {
  const room = String(payload['room']);
  const record = payload[field];
  if (!joined.has(room) || typeof record !== 'object' || record === null) return;
  if (pausedAt.peek() !== null) {
    arrived.value += 1;
    hasDropped = true;
    return;
  }
  const list = records.get(room) ?? [];
  if (list.push(record) > RECORDS_HELD_MAX) {
    list.shift();
    hasDropped = true;
  }
  records.set(room, list);
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
  const told = [...records];
  overviews = new Map();
  frames = [];
  records.clear();
  let newest = 0;
  batch(() => {
    if (!fleet.apply({ room: 'overview', resources: rows })) void reload();
    for (const frame of held) {
      watched?.listen(frame);
      newest = Math.max(newest, frame.time);
    }
    for (const [room, list] of told) for (const listen of joined.get(room) ?? []) listen(list);
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
  subscribe();
  return () => {
    if (watched !== mine) return;
    watched = null;
    frames = [];
    subscribe();
  };
}

function subscribe(): void {
  link.subscribe(['overview', ...(watched ? [watched.room] : []), ...joined.keys()]);
}

/** Receives the records of a room, once per animation frame, until the returned function is called. */
export function join(room: string, listen: RecordListener): () => void {
  const listeners = joined.get(room) ?? new Set();
  joined.set(room, listeners.add(listen));
  if (listeners.size === 1) subscribe();
  return () => {
    listeners.delete(listen);
    if (listeners.size > 0 || joined.get(room) !== listeners) return;
    joined.delete(room);
    records.delete(room);
    subscribe();
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
  subscribe();
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
  records.clear();
  seen = [];
  pausedAt.value = null;
  lastHeard.value = null;
  fleet.clear();
  forget();
}
