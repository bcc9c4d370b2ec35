// What is done with whole dashboards from several places: copying, reading a file, and what is said afterwards.

import { boards, type Board } from '../api/boards';
import { ApiError } from '../api/client';
import { refusal } from '../cache/refusal';
import { bytes } from '../i18n/format';
import { go } from '../state/route';
import { toast } from '../ui/toast';
import { tookBoard } from './source';
import { b } from './words';

export { refusal };

/** The collector takes no larger body; a board of sixty widgets is far below. */
const FILE_BYTES_MAX = 1024 * 1024;
export const TITLE_MAX = 120;

/** A refused change whose dashboard has gone on meanwhile. */
export function isChanged(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409 && (error.code === null || error.code === 'changed');
}

export function openBoard(board: Board): void {
  tookBoard(board);
  go(`/d/${board.slug}`);
}

/** A dashboard of one's own with the same widgets. */
export async function copyBoard({ title, widgets }: Pick<Board, 'title' | 'widgets'>): Promise<Board> {
  return boards.create({ title: b.peek().copyOf(title).slice(0, TITLE_MAX), widgets });
}

export async function duplicate(slug: string): Promise<void> {
  try {
    const made = await copyBoard(await boards.read(slug));
    toast('ok', b.peek().duplicated(made.title));
    openBoard(made);
  } catch (error) {
    toast('crit', refusal(error));
  }
}

/** What is in a file, or a sentence that says why it is no dashboard. */
export function readBoardFile(text: string): { file: unknown } | { fault: string } {
  const m = b.peek();
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return { fault: m.importNoJson };
  }
  const isBoard = typeof file === 'object' && file !== null && 'farol_board' in file && file.farol_board === 1;
  return isBoard ? { file } : { fault: m.importBad };
}

export async function importFile(file: File): Promise<void> {
  const m = b.peek();
  if (file.size > FILE_BYTES_MAX) {
    toast('crit', m.importTooBig(bytes(FILE_BYTES_MAX)));
    return;
  }
  const read = readBoardFile(await file.text());
  if ('fault' in read) {
    toast('crit', read.fault);
    return;
  }
  try {
    const made = await boards.take(read.file);
    toast('ok', m.imported(made.title));
    openBoard(made);
  } catch (error) {
    toast('crit', refusal(error));
  }
}

/** Lets the browser fetch a file by a link, as a click does. */
export function fetchFile(url: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
}
