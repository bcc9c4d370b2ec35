// What a resource is found by. Apart from the search, which comes after the page.

import { fleet, type Resource } from '../live/fleet';
import { kindWord, resourceWord } from '../ui/parts';

/** The words that a resource is found by. */
export function haystack(resource: Resource): string {
  const row = resource.row.value;
  const parent = row.parent === null ? '' : (fleet.value.get(row.parent)?.row.value.name ?? '');
  return [
    row.name,
    row.kind,
    kindWord(row.kind),
    resourceWord(row),
    parent,
    row.agent,
    ...Object.values(row.attributes),
  ]
    .join(' ')
    .toLowerCase();
}

/** Whether a resource has all words of a query. */
export function matches(resource: Resource, query: string): boolean {
  const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const hay = haystack(resource);
  return words.every((word) => hay.includes(word));
}
