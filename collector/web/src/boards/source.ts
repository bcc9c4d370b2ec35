// The list of dashboards as the sidebar and the list page share it. Asked for at the start, after each change of one, and
// when the list is opened.

import { signal } from '@preact/signals';

import { boards, type Board, type BoardRow } from '../api/boards';

export const boardRows = signal<readonly BoardRow[] | null>(null);
export const boardsFailure = signal<string | null>(null);

let asking: Promise<void> | null = null;

async function askOnce(): Promise<void> {
  try {
    const rows = await boards.list();
    boardRows.value = [...rows].sort((a, b) => a.title.localeCompare(b.title));
    boardsFailure.value = null;
  } catch (error) {
    boardsFailure.value = error instanceof Error ? error.message : String(error);
  }
}

/** Asks for the list; one question at a time. */
export function reloadBoards(): Promise<void> {
  asking ??= askOnce().finally(() => (asking = null));
  return asking;
}

/** Takes in a dashboard that was made or changed, without asking for all. */
export function tookBoard(board: Board): void {
  const others = (boardRows.peek() ?? []).filter(({ slug }) => slug !== board.slug);
  boardRows.value = [...others, { ...board, widgets: board.widgets.length }].sort((a, b) =>
    a.title.localeCompare(b.title),
  );
}

export function droppedBoard(slug: string): void {
  boardRows.value = (boardRows.peek() ?? []).filter((row) => row.slug !== slug);
}
