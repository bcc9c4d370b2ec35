// The collector's clock as seen from here: the browser's own may be wrong by minutes, and ages must not be.

/** How long one measurement is trusted before a worse but newer one may replace it. */
const TRUST_MS = 600_000;

let offset = 0;
let best = Infinity;
let bestAt = 0;

/** Takes in the collector's time from an answer that was asked for at `sent` and came at `received` (browser clock). */
export function observe(server: number, sent: number, received: number): void {
  const trip = received - sent;
  if (trip < 0 || (trip >= best && received - bestAt < TRUST_MS)) return;
  best = trip;
  bestAt = received;
  offset = (sent + received) / 2 - server;
}

/** Takes in the time of a pushed message: it was sent before it came, which bounds the offset from above. */
export function observePush(server: number, received: number): void {
  if (best === Infinity) offset = received - server;
  else offset = Math.min(offset, received - server);
}

/** The collector's time now, in milliseconds. */
export function now(local: number = Date.now()): number {
  return local - offset;
}

/** Forgets what was measured; for tests. */
export function reset(): void {
  offset = 0;
  best = Infinity;
  bestAt = 0;
}
