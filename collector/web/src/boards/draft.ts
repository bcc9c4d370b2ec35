// A dashboard while somebody changes it: what the collector has, and what is different here until it is saved.
//
// Invariant: without a change the draft is what was read, so that saving and leaving know whether there is anything to lose.

import { computed, signal } from '@preact/signals';

import { boards, type Board, type Position, type Widget, type WidgetType } from '../api/boards';
import { freePlace, inOrder, place } from './grid';
import { b } from './words';

/** The collector takes no more. */
export const WIDGETS_MAX = 60;

/** Sizes that show each kind well. */
export const SIZES: Record<WidgetType, { width: number; height: number }> = {
  stat: { width: 3, height: 2 },
  line: { width: 6, height: 4 },
  bar: { width: 6, height: 3 },
  gauge: { width: 3, height: 3 },
  table: { width: 4, height: 3 },
  status: { width: 4, height: 3 },
  text: { width: 4, height: 2 },
};

export function typeWord(type: WidgetType): string {
  const m = b.value;
  return {
    stat: m.typeStat,
    line: m.typeLine,
    bar: m.typeBar,
    gauge: m.typeGauge,
    table: m.typeTable,
    status: m.typeStatus,
    text: m.typeText,
  }[type];
}

/** A name within this board that no other widget has. Works without https, where there are no UUIDs. */
export function newId(taken: readonly Widget[]): string {
  for (;;) {
    const bytes = crypto.getRandomValues(new Uint8Array(6));
    const id = `w${[...bytes].map((byte) => byte.toString(36)).join('')}`;
    if (!taken.some((widget) => widget.id === id)) return id;
  }
}

type Content = Pick<Board, 'title' | 'shared' | 'widgets'>;

const content = ({ title, shared, widgets }: Content) => JSON.stringify([title, shared, widgets]);

export class Draft {
  /** What the collector has. */
  readonly board = signal<Board | null>(null);
  readonly title = signal('');
  readonly shared = signal(false);
  readonly widgets = signal<readonly Widget[]>([]);
  readonly isSaving = signal(false);
  /** While somebody drags: where everything would be. */
  readonly preview = signal<readonly Widget[] | null>(null);
  readonly selected = signal<string | null>(null);
  readonly isDirty = computed(() => {
    const board = this.board.value;
    if (!board) return false;
    return (
      content(board) !==
      content({ title: this.title.value, shared: this.shared.value, widgets: [...this.widgets.value] })
    );
  });

  /** Begins anew with what the collector has. */
  take(board: Board): void {
    this.board.value = board;
    this.title.value = board.title;
    this.shared.value = board.shared;
    this.widgets.value = board.widgets;
    this.preview.value = null;
  }

  discard(): void {
    const board = this.board.peek();
    if (board) this.take(board);
    this.selected.value = null;
  }

  find(id: string): Widget | undefined {
    return this.widgets.peek().find((widget) => widget.id === id);
  }

  /** Puts a widget somewhere; others make room. */
  put(id: string, position: Position): void {
    this.widgets.value = place(this.widgets.peek(), id, position);
  }

  /** Adds a widget at the first free place. Null when there is none. */
  add(type: WidgetType, more: Partial<Pick<Widget, 'title' | 'config'>> = {}): Widget | null {
    const all = this.widgets.peek();
    const { width, height } = SIZES[type];
    const position = freePlace(all, width, height);
    if (all.length >= WIDGETS_MAX || !position) return null;
    const widget = { id: newId(all), widget_type: type, title: typeWord(type), config: {}, position, ...more };
    this.widgets.value = [...all, widget];
    return widget;
  }

  duplicate(id: string): Widget | null {
    const widget = this.find(id);
    const all = this.widgets.peek();
    const position = widget && freePlace(all, widget.position.width, widget.position.height);
    if (!position || all.length >= WIDGETS_MAX) return null;
    const copy = { ...widget, id: newId(all), config: structuredClone(widget.config), position };
    this.widgets.value = [...all, copy];
    return copy;
  }

  change(next: Widget): void {
    const others = this.widgets.peek().map((widget) => (widget.id === next.id ? next : widget));
    this.widgets.value = place(others, next.id, next.position);
  }

  /** Takes a widget away. Returns what brings it back. */
  remove(id: string): () => void {
    const widget = this.find(id);
    this.widgets.value = this.widgets.peek().filter((one) => one.id !== id);
    return () => {
      const all = this.widgets.peek();
      if (!widget || all.some((one) => one.id === id) || all.length >= WIDGETS_MAX) return;
      this.widgets.value = place([...all, widget], id, widget.position);
    };
  }

  /** Sends the draft. A refusal leaves it as it is. */
  async save(): Promise<Board> {
    const board = this.board.peek();
    if (!board) throw new Error('no board was read');
    this.isSaving.value = true;
    try {
      const saved = await boards.save(board.slug, {
        title: this.title.peek().trim(),
        shared: this.shared.peek(),
        widgets: inOrder(this.widgets.peek()),
        revision: board.revision,
      });
      this.take(saved);
      return saved;
    } finally {
      this.isSaving.value = false;
    }
  }
}
