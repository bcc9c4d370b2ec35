// The live values of the resource on the page: which series it has, and the newest value of each.

import { signal, type Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';

import { api } from '../api/client';
import type { FramePayload, SeriesRow } from '../api/types';
import type { LiveSource } from '../chart/chart';
import { refresh, watch } from '../live/feed';

export interface ResourceSource extends LiveSource {
  /** Null until they are known. */
  readonly series: Signal<readonly SeriesRow[] | null>;
  readonly failure: Signal<string | null>;
  /** When each series last had a value (sample time). */
  readonly times: ReadonlyMap<number, number>;
  /** Counts up with every frame. */
  readonly tick: Signal<number>;
}

/** New series are asked for at most so often. */
const ASK_EVERY_MS = 2_000;

class Source implements ResourceSource {
  readonly series = signal<readonly SeriesRow[] | null>(null);
  readonly failure = signal<string | null>(null);
  readonly known = new Map<number, number>();
  readonly times = new Map<number, number>();
  readonly tick = signal(0);
  readonly #listeners = new Set<(frame: FramePayload) => void>();
  readonly #resource: number;
  #generation: number | null = null;
  #isAsking = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(resource: number) {
    this.#resource = resource;
  }

  listen = (act: (frame: FramePayload) => void): (() => void) => {
    this.#listeners.add(act);
    return () => this.#listeners.delete(act);
  };

  receive = (frame: FramePayload): void => {
    for (const [id, value] of frame.values) {
      if (value === null) continue;
      this.known.set(id, value);
      this.times.set(id, frame.time);
    }
    if (this.#generation !== null && this.#generation !== frame.generation) this.#askSoon();
    this.#generation = frame.generation;
    for (const listener of this.#listeners) listener(frame);
    this.tick.value += 1;
  };

  /** Where processes come and go all the time, the tables change all the time: once in a while is enough. */
  #askSoon(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.ask();
    }, ASK_EVERY_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Asks which series there are; the charts change only if theirs did. */
  async ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      this.series.value = await api.series(this.#resource);
      this.failure.value = null;
    } catch (error) {
      this.failure.value = error instanceof Error ? error.message : String(error);
    } finally {
      this.#isAsking = false;
    }
  }
}

/** The source of a resource for as long as its page is shown. */
export function useSource(resource: number): ResourceSource {
  const source = useMemo(() => new Source(resource), [resource]);
  const again = refresh.value;
  useEffect(() => {
    const unwatch = watch(resource, source.receive);
    return () => {
      unwatch();
      source.stop();
    };
  }, [source]);
  useEffect(() => void source.ask(), [source, again]);
  return source;
}
