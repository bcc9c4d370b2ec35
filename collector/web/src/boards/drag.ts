// Moving and resizing by pointer: the grid's cells under the pointer become a place; the page scrolls near its edges.

import type { Position, Widget } from '../api/boards';
import type { Draft } from './draft';
import { COLUMNS, GAP_PX, place, ROW_PX } from './grid';

/** So near to the edge of the window the page scrolls along, by so much an event. */
const EDGE_PX = 56;
const SCROLL_PX = 14;

interface Start {
  id: string;
  pointer: number;
  /** On the page, so that scrolling counts as moving. */
  x: number;
  y: number;
  from: Position;
  all: readonly Widget[];
  isResize: boolean;
}

export class Drag {
  readonly #draft: Draft;
  readonly #grid: () => HTMLElement | null;
  #start: Start | null = null;

  constructor(draft: Draft, grid: () => HTMLElement | null) {
    this.#draft = draft;
    this.#grid = grid;
  }

  begin(event: PointerEvent, widget: Widget, isResize: boolean): void {
    if (event.button !== 0) return;
    const handle = event.currentTarget as HTMLElement;
    handle.setPointerCapture(event.pointerId);
    this.#draft.selected.value = widget.id;
    this.#start = {
      id: widget.id,
      pointer: event.pointerId,
      x: event.clientX + scrollX,
      y: event.clientY + scrollY,
      from: widget.position,
      all: this.#draft.widgets.peek(),
      isResize,
    };
  }

  move(event: PointerEvent): void {
    const start = this.#start;
    const grid = this.#grid();
    if (!start || !grid || event.pointerId !== start.pointer) return;
    if (event.clientY > innerHeight - EDGE_PX) scrollBy(0, SCROLL_PX);
    else if (event.clientY < EDGE_PX + EDGE_PX && scrollY > 0) scrollBy(0, -SCROLL_PX);
    const column = (grid.clientWidth + GAP_PX) / COLUMNS;
    const dx = Math.round((event.clientX + scrollX - start.x) / column);
    const dy = Math.round((event.clientY + scrollY - start.y) / (ROW_PX + GAP_PX));
    this.#draft.preview.value = place(start.all, start.id, moved(start.from, dx, dy, start.isResize));
  }

  /** Keeps where it is, or puts everything back. */
  end(isKept: boolean): void {
    const preview = this.#draft.preview.peek();
    if (this.#start && isKept && preview) this.#draft.widgets.value = preview;
    this.#draft.preview.value = null;
    this.#start = null;
  }

  get isOn(): boolean {
    return this.#start !== null;
  }
}

/** A place moved by so many cells, or its lower right corner. */
export function moved(from: Position, dx: number, dy: number, isResize: boolean): Position {
  if (!isResize) return { ...from, x: from.x + dx, y: from.y + dy };
  return { ...from, width: Math.min(COLUMNS - from.x, from.width + dx), height: from.height + dy };
}
