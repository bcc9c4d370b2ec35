// The connection to the collector as a state machine: WebSocket first, polling while it cannot connect.
//
// In: rooms to subscribe to. Out: envelopes, polled answers, and the state for the top bar.
// Invariants: at most one socket and one timer of each kind exist; after `stop` nothing is called back.

import type { Envelope, ResourcesAnswer } from '../api/types';

/** Waits before each try, in milliseconds; the last one repeats. */
export const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000] as const;
/** Tries in a row that must fail before polling begins. */
export const POLL_AFTER_FAILURES = 3;
/** Time between two polls. */
export const POLL_EVERY_MS = 2_000;
/** The collector sends a heartbeat every 15 s; a socket silent for longer is dead even if it does not say so. */
export const SILENCE_MS = 35_000;
const HEARTBEAT_MS = 15_000;
/** Close code of the collector for a session that ended. */
const UNAUTHORIZED = 4401;

export type LinkState = 'idle' | 'connecting' | 'open' | 'waiting' | 'polling';

/** The part of a WebSocket that is used here, so that tests can stand in for it. */
export interface Socket {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

export interface LinkPorts {
  open: () => Socket;
  poll: () => Promise<ResourcesAnswer>;
  now: () => number;
  random: () => number;
  setTimer: (act: () => void, ms: number) => number;
  clearTimer: (id: number) => void;
  onState: (state: LinkState, retryAt: number | null) => void;
  onEnvelope: (envelope: Envelope) => void;
  onPolled: (answer: ResourcesAnswer) => void;
  /** The socket is back after a break: what happened meanwhile has to be asked for. */
  onRestored: () => void;
  onUnauthorized: () => void;
}

export class Link {
  #ports: LinkPorts;
  #rooms: readonly string[] = [];
  #socket: Socket | null = null;
  #state: LinkState = 'idle';
  #failures = 0;
  #hasBeenOpen = false;
  #running = false;
  #retry: number | null = null;
  #pollTimer: number | null = null;
  #silence: number | null = null;
  #beat: number | null = null;

  constructor(ports: LinkPorts) {
    this.#ports = ports;
  }

  get state(): LinkState {
    return this.#state;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#connect();
  }

  stop(): void {
    this.#running = false;
    this.#drop();
    this.#clear('retry', 'poll');
    this.#failures = 0;
    this.#hasBeenOpen = false;
    this.#enter('idle');
  }

  /** Tries at once instead of waiting. */
  retryNow(): void {
    if (!this.#running || this.#socket) return;
    this.#clear('retry');
    this.#connect();
  }

  subscribe(rooms: readonly string[]): void {
    this.#rooms = rooms;
    if (this.#state === 'open') this.#sendRooms();
  }

  #enter(state: LinkState, retryAt: number | null = null): void {
    this.#state = state;
    this.#ports.onState(state, retryAt);
  }

  #connect(): void {
    this.#retry = null;
    // While polling works, the tries go on in the background and the bar keeps saying "polling".
    if (this.#pollTimer === null) this.#enter('connecting');
    let socket: Socket;
    try {
      socket = this.#ports.open();
    } catch {
      this.#failed();
      return;
    }
    this.#socket = socket;
    this.#watchSilence();
    socket.onopen = () => {
      if (this.#socket !== socket) return;
      this.#opened();
    };
    socket.onmessage = (event) => {
      if (this.#socket !== socket) return;
      this.#watchSilence();
      this.#receive(event.data);
    };
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      this.#drop();
      if (event.code === UNAUTHORIZED) this.#ports.onUnauthorized();
      else this.#failed();
    };
  }

  #opened(): void {
    const restored = this.#hasBeenOpen || this.#failures > 0;
    this.#failures = 0;
    this.#hasBeenOpen = true;
    this.#clear('poll');
    this.#enter('open');
    this.#sendRooms();
    this.#scheduleBeat();
    if (restored) this.#ports.onRestored();
  }

  #receive(data: unknown): void {
    if (typeof data !== 'string') return;
    let envelope: Envelope;
    try {
      envelope = JSON.parse(data) as Envelope;
    } catch {
      return;
    }
    if (typeof envelope.message_type === 'string' || typeof envelope.event === 'string')
      this.#ports.onEnvelope(envelope);
  }

  #failed(): void {
    if (!this.#running) return;
    const base = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 10_000;
    this.#failures += 1;
    const wait = base * (0.8 + 0.4 * this.#ports.random());
    this.#retry = this.#ports.setTimer(() => this.#connect(), wait);
    if (this.#pollTimer !== null) return;
    if (this.#failures >= POLL_AFTER_FAILURES) this.#pollSoon(0);
    this.#enter('waiting', this.#ports.now() + wait);
  }

  #pollSoon(ms: number): void {
    this.#pollTimer = this.#ports.setTimer(() => void this.#pollOnce(), ms);
  }

  async #pollOnce(): Promise<void> {
    const timer = this.#pollTimer;
    const isCurrent = () => this.#running && this.#pollTimer === timer;
    try {
      const answer = await this.#ports.poll();
      if (!isCurrent()) return;
      const isBack = this.#state !== 'polling';
      if (isBack) this.#enter('polling');
      this.#ports.onPolled(answer);
      // The collector answers again: the socket is worth a try now and not only at the end of a long wait.
      if (isBack) this.retryNow();
    } catch {
      if (!isCurrent()) return;
      if (this.#state === 'polling') this.#enter('waiting');
    }
    this.#pollSoon(POLL_EVERY_MS);
  }

  #sendRooms(): void {
    this.#send('Subscription', { rooms: this.#rooms });
  }

  #send(type: string, payload: unknown): void {
    this.#socket?.send(JSON.stringify({ message_type: type, payload, timestamp: this.#ports.now() }));
  }

  #scheduleBeat(): void {
    this.#beat = this.#ports.setTimer(() => {
      this.#send('Heartbeat', {});
      this.#scheduleBeat();
    }, HEARTBEAT_MS);
  }

  #watchSilence(): void {
    this.#clear('silence');
    this.#silence = this.#ports.setTimer(() => {
      this.#drop();
      this.#failed();
    }, SILENCE_MS);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#clear('silence', 'beat');
    socket?.close();
  }

  #clear(...which: ('retry' | 'poll' | 'silence' | 'beat')[]): void {
    const clear = (id: number | null) => {
      if (id !== null) this.#ports.clearTimer(id);
    };
    for (const name of which) {
      if (name === 'retry') {
        clear(this.#retry);
        this.#retry = null;
      } else if (name === 'poll') {
        clear(this.#pollTimer);
        this.#pollTimer = null;
      } else if (name === 'silence') {
        clear(this.#silence);
        this.#silence = null;
      } else {
        clear(this.#beat);
        this.#beat = null;
      }
    }
  }
}
