// The user's zone as the collector reads it: the distance from UTC at a moment.

/** "-03:00", "+05:30"; "Z" would be another word for the same. */
export function offsetText(minutesEast: number): string {
  const size = Math.abs(minutesEast);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${minutesEast < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** The browser's own distance at a moment. */
export function localOffset(at: number): string {
  return offsetText(-new Date(at).getTimezoneOffset());
}
