// A note on a dashboard: plain text with its line breaks. Nothing in it is ever read as HTML; only addresses become links.

import { Icon } from '../ui/icon';
import { b } from './words';

export type Piece = { text: string } | { link: string };

const ADDRESS = /https?:\/\/[^\s<>"'`]+/g;
/** Signs that end a sentence and not an address. */
const TAIL = /[.,;:!?)\]}]+$/;

/** Text and the addresses in it. Only http and https: nothing that would run when it is clicked. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const link = match[0].replace(TAIL, '');
    if (!isSafe(link)) continue;
    if (match.index > at) found.push({ text: text.slice(at, match.index) });
    found.push({ link });
    at = match.index + link.length;
  }
  if (at < text.length) found.push({ text: text.slice(at) });
  return found;
}

function isSafe(link: string): boolean {
  try {
    const { protocol, username, password } = new URL(link);
    // An address with a name in it looks as if it led elsewhere.
    return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
  } catch {
    return false;
  }
}

export function Note({ text }: { text: string }) {
  return (
    <div class="wg-note" tabIndex={0}>
      {pieces(text).map((piece, i) =>
        'text' in piece ? (
          piece.text
        ) : (
          <a key={i} href={piece.link} target="_blank" rel="noopener noreferrer nofollow">
            {piece.link}
            <Icon name="ext" size={12} />
            <span class="sr"> ({b.value.newTab})</span>
          </a>
        ),
      )}
    </div>
  );
}
