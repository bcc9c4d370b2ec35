// The keyboard: global shortcuts.

import { exportPage } from '../export/wish';
import { togglePause } from '../live/feed';
import { singleKeys, toggleTheme } from '../state/prefs';
import { go, path, undoZoom, zoom } from '../state/route';
import { isRangeOpen, isSearchOpen, isSheetOpen } from './open';
import { PAGES } from './pages';
import { panBy, zoomBy } from './top-bar';

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, select, textarea, [contenteditable]') !== null;
}

const SINGLE: Record<string, () => void> = {
  '/': () => (isSearchOpen.value = true),
  t: () => (isRangeOpen.value = true),
  p: togglePause,
  d: toggleTheme,
  e: exportPage,
  o: () => go('/'),
  v: () => go('/'),
  ...Object.fromEntries(PAGES.filter((page) => page.key !== 'o').map((page) => [page.key, () => go(page.path)])),
  '?': () => (isSheetOpen.value = true),
};

/** On pages with charts. */
const CHART: Record<string, () => void> = {
  ArrowLeft: () => panBy(-0.5),
  ArrowRight: () => panBy(0.5),
  '+': () => zoomBy(0.5),
  '=': () => zoomBy(0.5),
  '-': () => zoomBy(2),
};

/** Acts on a key pressed anywhere; fields and open dialogs keep theirs. */
export function onKey(event: KeyboardEvent): void {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    isSearchOpen.value = true;
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape') {
    if (isRangeOpen.peek()) isRangeOpen.value = false;
    else if (zoom.peek()) undoZoom();
    return;
  }
  if (!singleKeys.peek()) return;
  const onCharts = path.peek() !== '/';
  const act = SINGLE[event.key.toLowerCase()] ?? (onCharts ? CHART[event.key] : undefined);
  if (!act) return;
  event.preventDefault();
  act();
}
