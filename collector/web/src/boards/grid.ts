// Where widgets stand: a grid of twelve columns in which nothing overlaps. What is moved stays where it was put, others
// make room downwards.
//
// Invariants: 0 <= x, x + width <= 12, 1 <= height <= 12, y + height <= 200; the functions change nothing that they are given.

import type { Position } from '../api/boards';

export const COLUMNS = 12;
export const HEIGHT_MAX = 12;
/** The collector takes no row beyond. */
export const ROWS_MAX = 200;
/** Less than two columns shows nothing that can be read. */
export const WIDTH_MIN = 2;
/** Height of a row and the gap between two, in pixels. */
export const ROW_PX = 74;
export const GAP_PX = 16;

export interface Placed {
  id: string;
  position: Position;
}

function between(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, Math.round(value)));
}

/** The nearest place within the grid. */
export function fit(position: Position): Position {
  const width = between(position.width, WIDTH_MIN, COLUMNS);
  const height = between(position.height, 1, HEIGHT_MAX);
  return {
    x: between(position.x, 0, COLUMNS - width),
    y: between(position.y, 0, ROWS_MAX - height),
    width,
    height,
  };
}

export function overlaps(a: Position, b: Position): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** Reading order: from the top, then from the left. */
export function inOrder<T extends Placed>(all: readonly T[]): T[] {
  return [...all].sort((a, b) => a.position.y - b.position.y || a.position.x - b.position.x);
}

/** Pushes down whatever stands in the way of `first`, and what stands in the way of that. Null when the grid is full. */
export function settle<T extends Placed>(all: readonly T[], first: string): T[] | null {
  const fixed = all.filter(({ id }) => id === first);
  const done: T[] = [...fixed];
  for (const one of inOrder(all.filter(({ id }) => id !== first))) {
    const { position } = one;
    let { y } = position;
    for (;;) {
      const at = { ...position, y };
      const inTheWay = done.filter((other) => overlaps(at, other.position));
      if (inTheWay.length === 0) break;
      y = Math.max(...inTheWay.map((other) => other.position.y + other.position.height));
    }
    if (y + position.height > ROWS_MAX) return null;
    done.push(y === position.y ? one : { ...one, position: { ...position, y } });
  }
  // The order of the list stays, so that nothing on screen is made anew.
  const found = new Map(done.map((one) => [one.id, one]));
  return all.map((one) => found.get(one.id) ?? one);
}

/** Puts one widget somewhere and lets the others make room. What does not fit changes nothing. */
export function place<T extends Placed>(all: readonly T[], id: string, wanted: Position): readonly T[] {
  const position = fit(wanted);
  const next = all.map((one) => (one.id === id ? { ...one, position } : one));
  return settle(next, id) ?? all;
}

/** The first free place of a size, from the top. */
export function freePlace(all: readonly Placed[], width: number, height: number): Position | null {
  for (let y = 0; y + height <= ROWS_MAX; y += 1) {
    for (let x = 0; x + width <= COLUMNS; x += 1) {
      const at = { x, y, width, height };
      if (!all.some((one) => overlaps(at, one.position))) return at;
    }
  }
  return null;
}

/** What an arrow key does to a place; null when the key is none. Shift resizes. */
export function byKey(position: Position, key: string, isResize: boolean): Position | null {
  const steps: Record<string, [number, number]> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };
  const step = steps[key];
  if (!step) return null;
  const { x, y, width, height } = position;
  if (!isResize) return fit({ ...position, x: x + step[0], y: y + step[1] });
  // Growing stops at the edge: it must not push the widget to the left.
  return fit({ ...position, width: Math.min(width + step[0], COLUMNS - x), height: height + step[1] });
}

/** Height of so many rows, in pixels. */
export function heightOf(rows: number): number {
  return rows * ROW_PX + (rows - 1) * GAP_PX;
}
