// The connection as a state machine, with time, chance and sockets stood in for.

import { beforeEach, describe, expect, it } from 'vitest';

import type { Envelope, ResourcesAnswer } from '../api/types';
import { Link, POLL_AFTER_FAILURES, POLL_EVERY_MS, RETRY_MS, SILENCE_MS, type LinkState, type Socket } from './link';

class FakeSocket implements Socket {
  sent: Envelope[] = [];
  isClosed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  send(text: string) {
    this.sent.push(JSON.parse(text) as Envelope);
  }
  close() {
    this.isClosed = true;
  }
}

/** Timers that run when the test says so. */
class World {
  time = 0;
  timers = new Map<number, { at: number; act: () => void }>();
  next = 1;
  sockets: FakeSocket[] = [];
  states: LinkState[] = [];
  envelopes: Envelope[] = [];
  polled = 0;
  restored = 0;
  unauthorized = 0;
  pollFails = false;

  link = new Link({
    open: () => {
      const socket = new FakeSocket();
      this.sockets.push(socket);
      return socket;
    },
    poll: () =>
      this.pollFails ? Promise.reject(new Error('no')) : Promise.resolve({ now: 0, resources: [] } as ResourcesAnswer),
    now: () => this.time,
    random: () => 0.5,
    setTimer: (act, ms) => {
      this.timers.set(this.next, { at: this.time + ms, act });
      return this.next++;
    },
    clearTimer: (id) => this.timers.delete(id),
    onState: (state) => this.states.push(state),
    onEnvelope: (envelope) => this.envelopes.push(envelope),
    onPolled: () => (this.polled += 1),
    onRestored: () => (this.restored += 1),
    onUnauthorized: () => (this.unauthorized += 1),
  });

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error('no socket was opened');
    return socket;
  }

  async pass(ms: number) {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.timers].filter(([, timer]) => timer.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = due[1].at;
      due[1].act();
      for (let i = 0; i < 4; i += 1) await Promise.resolve();
    }
    this.time = end;
  }
}

let world: World;

beforeEach(() => (world = new World()));

describe('while the socket works', () => {
  it('subscribes once it is open, and again when the rooms change', () => {
    world.link.subscribe(['overview']);
    world.link.start();
    expect(world.link.state).toBe('connecting');
    world.socket.onopen?.();
    expect(world.link.state).toBe('open');
    world.link.subscribe(['overview', 'resource:1']);
    expect(world.socket.sent.map((e) => [e.message_type, e.payload])).toEqual([
      ['Subscription', { rooms: ['overview'] }],
      ['Subscription', { rooms: ['overview', 'resource:1'] }],
    ]);
  });

  it('passes envelopes on and ignores what is none', () => {
    world.link.start();
    world.socket.onopen?.();
    for (const data of ['{"message_type":"Metrics","payload":{},"timestamp":1}', 'nonsense', '{"a":1}', 12]) {
      world.socket.onmessage?.({ data });
    }
    expect(world.envelopes.map((e) => e.message_type)).toEqual(['Metrics']);
  });

  it('does not ask for missed data at the first connection, but after every break', async () => {
    world.link.start();
    world.socket.onopen?.();
    expect(world.restored).toBe(0);
    world.socket.onclose?.({ code: 1006 });
    await world.pass(1_000);
    world.socket.onopen?.();
    expect(world.restored).toBe(1);
  });
});

describe('when the socket fails', () => {
  it('waits longer each time, up to ten seconds', async () => {
    world.pollFails = true;
    world.link.start();
    const waits: number[] = [];
    for (let i = 0; i < RETRY_MS.length + 2; i += 1) {
      const count = world.sockets.length;
      const began = world.time;
      world.socket.onclose?.({ code: 1006 });
      while (world.sockets.length === count) await world.pass(100);
      waits.push(world.time - began);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 5_000, 10_000, 10_000, 10_000]);
  });

  it('begins again with short waits once it was open', async () => {
    world.link.start();
    for (let i = 0; i < 2; i += 1) {
      world.socket.onclose?.({ code: 1006 });
      await world.pass(10_000);
    }
    world.socket.onopen?.();
    const count = world.sockets.length;
    world.socket.onclose?.({ code: 1006 });
    await world.pass(500);
    expect(world.sockets.length).toBe(count + 1);
  });

  it('polls after three failures in a row and stops when the socket is back', async () => {
    world.link.start();
    for (let i = 0; i < POLL_AFTER_FAILURES; i += 1) {
      expect(world.polled).toBe(0);
      world.socket.onclose?.({ code: 1006 });
      await world.pass(i === POLL_AFTER_FAILURES - 1 ? 1 : (RETRY_MS[i] ?? 0));
    }
    expect(world.link.state).toBe('polling');
    await world.pass(POLL_EVERY_MS);
    expect(world.polled).toBe(2);
    world.socket.onopen?.();
    expect(world.link.state).toBe('open');
    const polled = world.polled;
    await world.pass(5 * POLL_EVERY_MS);
    expect(world.polled).toBe(polled);
  });

  it('tries the socket at once when the first poll succeeds', async () => {
    world.pollFails = true;
    world.link.start();
    for (let i = 0; i < RETRY_MS.length; i += 1) {
      world.socket.onclose?.({ code: 1006 });
      await world.pass(RETRY_MS[i] ?? 0);
    }
    world.socket.onclose?.({ code: 1006 });
    const count = world.sockets.length;
    world.pollFails = false;
    await world.pass(POLL_EVERY_MS);
    expect([world.link.state, world.sockets.length]).toEqual(['polling', count + 1]);
  });

  it('says that it waits while polling fails as well', async () => {
    world.pollFails = true;
    world.link.start();
    for (let i = 0; i < POLL_AFTER_FAILURES; i += 1) {
      world.socket.onclose?.({ code: 1006 });
      await world.pass(RETRY_MS[i] ?? 0);
    }
    expect(world.polled).toBe(0);
    expect(world.states).not.toContain('polling');
  });

  it('takes a long silence for a broken socket', async () => {
    world.link.start();
    world.socket.onopen?.();
    const first = world.socket;
    await world.pass(SILENCE_MS + 600);
    expect(first.isClosed).toBe(true);
    expect(world.sockets.length).toBe(2);
  });

  it('leaves it to the session when the collector says that it ended', async () => {
    world.link.start();
    world.socket.onclose?.({ code: 4401 });
    await world.pass(60_000);
    expect([world.unauthorized, world.sockets.length]).toEqual([1, 1]);
  });

  it('tries at once when asked to', () => {
    world.link.start();
    world.socket.onclose?.({ code: 1006 });
    world.link.retryNow();
    expect(world.sockets.length).toBe(2);
  });
});

it('does nothing any more once it is stopped', async () => {
  world.link.start();
  const socket = world.socket;
  socket.onopen?.();
  world.link.stop();
  socket.onmessage?.({ data: '{"message_type":"Metrics"}' });
  socket.onclose?.({ code: 1006 });
  await world.pass(60_000);
  expect([world.envelopes.length, world.sockets.length, world.timers.size]).toEqual([0, 1, 0]);
  expect(world.link.state).toBe('idle');
});
