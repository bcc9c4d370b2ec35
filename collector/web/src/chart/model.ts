// The data behind one chart: a table filled from history and moved on by live frames. Draws nothing.

import type { FramePayload, QueryAnswer } from '../api/types';
import { Columns } from '../live/columns';
import { shape, shaped, spacing, type Shaped } from './shape';
import { isBars, lineSeries, lineValue, type ChartSpec, type Line } from './spec';

export interface Stretch {
  from: number;
  to: number;
  step: number;
  /** Whether new samples belong to it. */
  isLive: boolean;
}

export class ChartModel {
  readonly spec: ChartSpec;
  readonly stretch: Stretch;
  readonly table: Columns;
  readonly view: Shaped;
  readonly #needs: ReadonlySet<number>[];
  #intervals: number[];

  constructor(spec: ChartSpec, stretch: Stretch) {
    this.spec = spec;
    this.stretch = stretch;
    const rows = Math.max(2, Math.round((stretch.to - stretch.from) / stretch.step) + 1);
    this.table = new Columns(stretch.step, rows, spec.lines.length, stretch.to);
    this.view = shaped(spec.lines, rows);
    this.#needs = spec.lines.map((line) => new Set(lineSeries(line)));
    this.#intervals = spec.lines.map(() => 1);
  }

  /** Lines that are drawn; events are marks and not lines. */
  get drawn(): Line[] {
    return this.spec.lines.filter((line) => line.role !== 'event');
  }

  /** Takes in history. */
  load(answer: QueryAnswer): void {
    const rows = new Map<number, Map<number, number>>();
    for (const series of answer.series) {
      for (const [time, value] of series.points) {
        if (value === null) continue;
        const at = Columns.bucket(time, this.table.step);
        let row = rows.get(at);
        if (!row) rows.set(at, (row = new Map<number, number>()));
        row.set(series.id, value);
      }
    }
    for (const [time, values] of rows) {
      this.spec.lines.forEach((line, column) => {
        const value = lineValue(line, (id) => values.get(id) ?? NaN);
        if (!Number.isNaN(value)) this.table.put(column, time, value);
      });
    }
    this.#intervals = this.table.columns.map((column) => spacing(column));
  }

  /** Takes in a live frame. `known` has the newest value of every series, this frame's included. */
  push(frame: FramePayload, known: ReadonlyMap<number, number>): boolean {
    if (!this.stretch.isLive) return false;
    let isTouched = false;
    this.spec.lines.forEach((line, column) => {
      const needs = this.#needs[column];
      if (!needs || !frame.values.some(([id, value]) => value !== null && needs.has(id))) return;
      const value = lineValue(line, (id) => known.get(id) ?? NaN);
      if (Number.isNaN(value)) return;
      this.table.push(column, frame.time, value);
      isTouched = true;
    });
    return isTouched;
  }

  /** Fills the view with the lines that are not hidden. */
  shape(hidden: ReadonlySet<string>): Shaped {
    shape(this.table, this.spec.lines, this.#intervals, hidden, this.view);
    return this.view;
  }

  /** The stretch of time on screen: a live one ends at its newest row. A bar stands around its time. */
  get bounds(): { from: number; to: number } {
    const half = this.table.step / 2;
    if (isBars(this.spec)) return { from: this.table.start - half, to: this.table.end + half };
    if (!this.stretch.isLive) return { from: this.stretch.from, to: this.stretch.to };
    return { from: this.table.end - (this.stretch.to - this.stretch.from), to: this.table.end };
  }
}
