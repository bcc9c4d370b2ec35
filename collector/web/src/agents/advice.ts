// Why an agent is not here yet, from what the collector knows of its door.

import type { Arrivals, TurnedAway } from '../api/access';
import { span } from '../i18n/format';
import { a } from './words';

/** What was wrong with the token of somebody who was turned away. */
function cause({ token, name }: TurnedAway): string {
  const m = a.value;
  switch (token) {
    case 'missing':
      return m.awayMissing;
    case 'api_token':
      return m.awayApi;
    case 'cut':
      return m.awayCut;
    case 'revoked':
      return m.awayRevoked(name ?? '');
    case 'unknown':
      return m.awayUnknown;
    case 'foreign':
      return m.awayForeign;
  }
}

/** How many that were turned away are told. */
const TURNED_AWAY_SHOWN = 3;

/** Sentences, the surest first; none: nobody came at all. */
export function advice(told: Arrivals): string[] {
  const m = a.value;
  const found: string[] = [];
  if (told.revoked !== null) found.push(m.revoked);
  if (told.refused !== null) found.push(m.refused(told.refused.detail));
  if (told.checked !== null) found.push(m.checked);
  for (const one of told.turned_away.slice(0, TURNED_AWAY_SHOWN)) {
    const from = m.awayFrom(one.address ?? m.awayUnknownAddress, span(Math.max(1_000, told.now - one.at)));
    found.push(`${from} ${cause(one)}`);
  }
  return found;
}
