// A table of samples on an even time grid: one row a step, one column a line; the newest row is at the end.
//
// Invariants: times are `end - (rows - 1 - i) * step`; a value that was not measured is NaN; the arrays are allocated
// once and shifted in place. A sample that falls into the newest row is averaged into it.

export class Columns {
  readonly step: number;
  readonly rows: number;
  readonly columns: Float64Array[];
  #end: number;
  #counts: Uint32Array;

  constructor(step: number, rows: number, width: number, end: number) {
    this.step = step;
    this.rows = Math.max(1, Math.floor(rows));
    this.columns = Array.from({ length: width }, () => new Float64Array(this.rows).fill(NaN));
    this.#counts = new Uint32Array(width);
    this.#end = Columns.bucket(end, step);
  }

  /** The grid time of a moment. */
  static bucket(time: number, step: number): number {
    return Math.floor(time / step) * step;
  }

  /** Time of the newest row. */
  get end(): number {
    return this.#end;
  }

  /** Time of the oldest row. */
  get start(): number {
    return this.#end - (this.rows - 1) * this.step;
  }

  time(row: number): number {
    return this.start + row * this.step;
  }

  at(column: number, row: number): number {
    return this.columns[column]?.[row] ?? NaN;
  }

  /** Writes a value of the past into its row; outside of the table it is ignored. */
  put(column: number, time: number, value: number): void {
    const row = Math.round((Columns.bucket(time, this.step) - this.start) / this.step);
    const target = this.columns[column];
    if (!target || row < 0 || row >= this.rows) return;
    target[row] = value;
    if (row === this.rows - 1) this.#counts[column] = 1;
  }

  /** Moves the table on so that `time` has a row. Returns how many steps it moved. */
  advance(time: number): number {
    const bucket = Columns.bucket(time, this.step);
    const steps = Math.round((bucket - this.#end) / this.step);
    if (steps <= 0) return 0;
    const shift = Math.min(steps, this.rows);
    for (const column of this.columns) {
      column.copyWithin(0, shift);
      column.fill(NaN, this.rows - shift);
    }
    this.#counts.fill(0);
    this.#end = bucket;
    return steps;
  }

  /** Takes in a live sample: moves on if needed, averages within the newest row. Too old ones go to their row. */
  push(column: number, time: number, value: number): void {
    if (Number.isNaN(value)) return;
    this.advance(time);
    const target = this.columns[column];
    if (!target) return;
    if (Columns.bucket(time, this.step) < this.#end) {
      this.put(column, time, value);
      return;
    }
    const last = this.rows - 1;
    const count = this.#counts[column] ?? 0;
    const old = target[last] ?? NaN;
    target[last] = count === 0 || Number.isNaN(old) ? value : (old * count + value) / (count + 1);
    this.#counts[column] = count + 1;
  }

  /** The newest value of a column that was measured, or NaN. */
  last(column: number): number {
    const values = this.columns[column];
    if (!values) return NaN;
    for (let row = values.length - 1; row >= 0; row -= 1) {
      const value = values[row] ?? NaN;
      if (!Number.isNaN(value)) return value;
    }
    return NaN;
  }
}
