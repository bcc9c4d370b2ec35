// A password that the page makes up for somebody whose own is lost.

/** Without those that look alike when written down: no 0 O o, 1 l I. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
/** 5.8 bits each: more than anybody guesses, and still typed in one go. */
const LENGTH = 20;

/** From the browser's source of randomness; letters above the last whole multiple are drawn again, so that all are alike. */
export function made(): string {
  const fair = 256 - (256 % LETTERS.length);
  let text = '';
  while (text.length < LENGTH) {
    for (const byte of crypto.getRandomValues(new Uint8Array(LENGTH))) {
      if (byte < fair && text.length < LENGTH) text += LETTERS[byte % LETTERS.length] ?? '';
    }
  }
  return text;
}
