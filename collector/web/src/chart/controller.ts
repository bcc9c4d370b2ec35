// What happens in one chart: asks for history, takes live frames in, draws when it pays, moves the keyboard's cursor.
//
// The component shows its signals; nothing here knows JSX. Bounded: one request and one plot at a time.

import { signal } from '@preact/signals';

import { api } from '../api/client';
import type { FramePayload, QueryAnswer } from '../api/types';
import { hhmmss } from '../i18n/format';
import { t } from '../i18n/index';
import * as clock from '../live/clock';
import { setParams, undoZoom } from '../state/route';
import { announce } from '../ui/announcer';
import { bandsAt, type Band } from './bands';
import { ChartModel, type Stretch } from './model';
import { Plot } from './plot';
import { extent } from './shape';
import type { ChartSpec } from './spec';
import type { View } from './view';

const CHART_HEIGHT = 168;
/** A live chart is drawn once a second, or at once when its newest value moved by this share of the axis. */
const JUMP_SHARE = 0.08;
const DRAW_EVERY_MS = 1_000;
/** Nothing shorter can be seen at one sample a second. */
const ZOOM_MIN_MS = 5_000;

/** More alerts than this are no summary. */
const BANDS_SAID_MAX = 5;

export type ChartState = 'loading' | 'ready' | 'empty' | 'failed';

function zoomTo(from: number, to: number): void {
  if (to - from >= ZOOM_MIN_MS) setParams({ zoom: `${Math.round(from)}-${Math.round(to)}` });
}

export class ChartController {
  readonly spec: ChartSpec;
  readonly state = signal<ChartState>('loading');
  readonly failure = signal('');
  readonly summary = signal('');
  readonly hidden = signal<ReadonlySet<string>>(new Set());
  /** Whether the chart is on screen, or nearly. */
  readonly isSeen = signal(false);
  /** Where the picture goes, and where the legend's figures stand. */
  host: HTMLDivElement | null = null;
  readonly figures = new Map<string, HTMLElement>();
  model: ChartModel | null = null;
  #bands: readonly Band[] = [];
  #plot: Plot | null = null;
  #drawnAt = 0;
  #drawnValues: number[] = [];
  #row: number | null = null;
  #line = 0;

  constructor(spec: ChartSpec) {
    this.spec = spec;
  }

  get height(): number {
    return this.spec.height ?? CHART_HEIGHT;
  }

  /** Asks for history. Returns what cancels it. */
  load(resource: number, view: View): () => void {
    const aborter = new AbortController();
    const stretch = view.stretch(clock.now());
    const next = new ChartModel(this.spec, stretch);
    const request = { metrics: this.spec.metrics, resources: [resource], ...stretch };
    api.query(request, aborter.signal).then(
      (answer) => {
        next.load(answer);
        this.clearPlot();
        this.model = next;
        this.describe();
        this.draw();
        if (!this.isSeen.peek()) this.state.value = 'ready';
      },
      (error: unknown) => {
        if (aborter.signal.aborted) return;
        this.failure.value = error instanceof Error ? error.message : String(error);
        this.state.value = 'failed';
      },
    );
    return () => aborter.abort();
  }

  /** Takes in what the page has asked for itself; the picture goes on from the one before. */
  show(answer: QueryAnswer, stretch: Stretch): void {
    const next = new ChartModel(this.spec, stretch);
    next.load(answer);
    this.model = next;
    this.describe();
    this.draw();
    if (!this.isSeen.peek()) this.state.value = 'ready';
  }

  /** Takes a live frame in; draws unless the last drawing is as good. */
  push(frame: FramePayload, known: ReadonlyMap<number, number>): void {
    const model = this.model;
    if (!model?.push(frame, known)) return;
    const top = Math.max(model.view.top, 1e-9);
    const isJump = this.#drawnValues.some((old, column) => Math.abs(model.table.last(column) - old) > JUMP_SHARE * top);
    if (isJump || performance.now() - this.#drawnAt >= DRAW_EVERY_MS - 50) this.draw();
    else this.#writeFigures();
  }

  /** Where nothing arrives, time goes on all the same and the hole grows. */
  pass(now: number, interval: number): void {
    const model = this.model;
    if (!model?.stretch.isLive) return;
    if (model.table.advance(now - 3 * Math.max(interval, model.table.step)) > 0) this.draw();
  }

  draw(): void {
    const model = this.model;
    if (!model || !this.isSeen.peek() || document.hidden) return;
    const shaped = model.shape(this.hidden.peek());
    this.state.value = shaped.hasData ? 'ready' : 'empty';
    this.#drawnAt = performance.now();
    this.#drawnValues = this.spec.lines.map((_, column) => model.table.last(column));
    if (shaped.hasData && this.host) this.#plot ??= this.#makePlot(this.host, model);
    const { from, to } = model.bounds;
    this.#plot?.update(shaped, from, to);
    this.#writeFigures();
  }

  /** Takes in the alerts that are drawn behind the lines. */
  setBands(bands: readonly Band[]): void {
    if (bands === this.#bands) return;
    this.#bands = bands;
    this.describe();
    this.#plot?.redraw();
  }

  /** The next drawing begins anew: other colours, words or data. */
  clearPlot(): void {
    this.#plot?.destroy();
    this.#plot = null;
  }

  #makePlot(host: HTMLDivElement, model: ChartModel): Plot {
    const options = {
      spec: this.spec,
      lines: model.drawn,
      height: this.height,
      limitLabel: t.peek().limitLabel,
      eventLabel: t.peek().eventOom,
      bands: () => this.#bands,
      onZoom: zoomTo,
      onUndo: undoZoom,
      onCursor: (row: number | null) => {
        this.#row = row;
        this.#writeFigures();
      },
    };
    return new Plot(host, options, model.view);
  }

  /** Writes the legend's figures: those under the cursor, else the newest. */
  #writeFigures(): void {
    const model = this.model;
    if (!model) return;
    model.drawn.forEach((line, i) => {
      const figure = this.figures.get(line.key);
      if (!figure) return;
      const value =
        this.#row === null ? model.table.last(this.spec.lines.indexOf(line)) : model.view.raw[i]?.[this.#row];
      figure.textContent = typeof value === 'number' && !Number.isNaN(value) ? this.spec.value(value) : '—';
    });
  }

  /** One sentence for people who do not see the picture. */
  describe(): void {
    const model = this.model;
    if (!model) return;
    const { raw } = model.shape(this.hidden.peek());
    const { value } = this.spec;
    const parts = model.drawn.flatMap((line, i) => {
      const found = extent(raw[i] ?? []);
      return found ? [t.peek().chartSummary(line.label, value(found.last), value(found.min), value(found.max))] : [];
    });
    this.summary.value = [...parts, ...this.#bands.slice(0, BANDS_SAID_MAX).map(({ text }) => text)].join('; ');
  }

  /** Shows one line alone, or all again; or hides and shows it. */
  toggle(key: string, isHide: boolean): void {
    const others = this.spec.lines.filter((line) => line.role !== 'event' && line.key !== key).map((line) => line.key);
    const current = this.hidden.peek();
    if (isHide) {
      const next = new Set(current);
      if (!next.delete(key)) next.add(key);
      this.hidden.value = next;
    } else {
      const isAlone = !current.has(key) && others.every((other) => current.has(other));
      this.hidden.value = new Set(isAlone ? [] : others);
    }
    this.draw();
  }

  /** Takes the keyboard's cursor off the chart. */
  leave(): void {
    this.#plot?.pose(null);
  }

  /** Moves the cursor by a key and says what is there. Returns whether the key was one of the chart's. */
  key(name: string, isFast: boolean): boolean {
    const model = this.model;
    if (!model || this.state.peek() !== 'ready') return false;
    const last = model.table.rows - 1;
    const step = isFast ? 10 : 1;
    const row = this.#row ?? last + 1;
    if (name === 'Escape') {
      if (this.#row === null) return false;
      this.leave();
      return true;
    }
    const moves: Record<string, number> = { ArrowLeft: row - step, ArrowRight: row + step, Home: 0, End: last };
    const turns: Record<string, number> = { ArrowUp: -1, ArrowDown: 1 };
    if (!(name in moves) && !(name in turns)) return false;
    const lines = model.drawn;
    this.#line = (this.#line + (turns[name] ?? 0) + lines.length) % lines.length;
    const next = Math.min(last, Math.max(0, moves[name] ?? row));
    this.#plot?.pose(next);
    const line = lines[this.#line];
    const value = model.view.raw[this.#line]?.[next];
    const text = typeof value === 'number' ? this.spec.value(value) : t.peek().statusSilent;
    const time = model.table.time(next);
    const held = bandsAt(this.#bands, time).map((band) => band.text);
    if (line) announce([t.peek().chartAt(line.label, text, hhmmss(time)), ...held].join('; '));
    return true;
  }
}
