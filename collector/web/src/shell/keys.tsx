// The keyboard: global shortcuts, and the sheet that lists them.

import { signal } from '@preact/signals';

import { exportWish } from '../export/wish';
import { t } from '../i18n/index';
import { togglePause } from '../live/feed';
import { setSingleKeys, singleKeys, toggleTheme } from '../state/prefs';
import { go, path, undoZoom, zoom } from '../state/route';
import { openPages, PAGES } from './pages';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { isSearchOpen } from './search';
import { isRangeOpen, panBy, zoomBy } from './top-bar';

export const isSheetOpen = signal(false);

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, select, textarea, [contenteditable]') !== null;
}

const SINGLE: Record<string, () => void> = {
  '/': () => (isSearchOpen.value = true),
  t: () => (isRangeOpen.value = true),
  p: togglePause,
  d: toggleTheme,
  e: () => (exportWish.value = {}),
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

export function Keys() {
  const m = t.value;
  const close = () => (isSheetOpen.value = false);
  const rows: [string[], string][] = [
    [['Ctrl', 'K'], m.keySearch],
    [['/'], m.keySearch],
    ...openPages().map((page): [string[], string] => [[page.key.toUpperCase()], m.goTo(m[page.word])]),
    [['T'], m.keyRange],
    [['P'], m.keyPause],
    [['D'], m.keyTheme],
    [['E'], m.exportWord],
    [['J', 'K'], m.keyList],
    [['Enter'], m.keyOpen],
    [['←', '→'], m.keyHalf],
    [['+', '−'], m.keyZoom],
    [['Esc'], m.keyUndo],
    [['?'], m.keySheet],
  ];
  return (
    <Dialog label={m.keysTitle} class="modal" onClose={close}>
      <header>
        <h2 class="grow">{m.keysTitle}</h2>
        <button class="btn-icon" aria-label={m.close} onClick={close}>
          <Icon name="x" />
        </button>
      </header>
      <div class="mb">
        <label class="row">
          <span class="grow">{m.keysOn}</span>
          <button
            class="switch"
            role="switch"
            aria-checked={singleKeys.value}
            aria-label={m.keysOn}
            onClick={() => setSingleKeys(!singleKeys.peek())}
          />
        </label>
        <dl class="kv">
          {rows.map(([keys, text]) => (
            <div key={keys.join()}>
              <dt>{text}</dt>
              <dd>
                {keys.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dd>
            </div>
          ))}
        </dl>
      </div>
    </Dialog>
  );
}
