// The bar on top: where we are, whether it is live, the time range, pause, theme.

import type { ComponentChildren } from 'preact';
import { computed } from '@preact/signals';

import { exportPage } from '../export/wish';
import { hhmmss, NARROW, num, rangeSpan, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import * as clock from '../live/clock';
import { lastHeard, latency, linkState, now, pausedAt, togglePause } from '../live/feed';
import { openAll, openClass } from '../state/alerts';
import { theme, toggleTheme } from '../state/prefs';
import { href, range, setParams, undoZoom, zoom } from '../state/route';
import { spanText } from '../time/range';
import { Icon } from '../ui/icon';
import { Late } from './late';
import { isRangeOpen } from './open';
import type { RangePicker } from './range-picker';

/** After this without a message the bar says that the connection is being sought, and later that it is lost. */
export const SILENT_MS = 5_000;
export const LOST_MS = 30_000;

export type Contact = 'live' | 'slow' | 'polling' | 'connecting' | 'reconnecting' | 'lost';

export const contact = computed<Contact>(() => {
  const state = linkState.value;
  const quiet = lastHeard.value === null ? null : now.value - lastHeard.value;
  if (state === 'polling') return 'polling';
  if (quiet === null) return 'connecting';
  // The heartbeat comes every 15 s: on a quiet fleet an open socket is not a broken one.
  if (state === 'open') return quiet > LOST_MS ? 'lost' : (latency.value ?? 0) > 2_000 ? 'slow' : 'live';
  if (quiet > LOST_MS) return 'lost';
  return quiet > SILENT_MS || state === 'waiting' ? 'reconnecting' : 'live';
});

function LiveBadge() {
  const m = t.value;
  const heard = lastHeard.value;
  const title = `${heard === null ? m.noUpdateYet : m.lastUpdate(hhmmss(heard))}. ${m.liveTitle}`;
  if (pausedAt.value !== null) {
    return (
      <span class="live warn" title={title}>
        <Icon name="pause" size={12} />
        <b>{m.paused}</b>
      </span>
    );
  }
  const state = contact.value;
  const looks = {
    live: ['ok', m.live],
    slow: ['warn', m.live],
    polling: ['warn', m.polling],
    connecting: ['unk', m.connecting],
    reconnecting: ['warn', m.reconnecting],
    lost: ['crit', m.lost],
  } as const;
  const [color, word] = looks[state];
  const delay = latency.value;
  return (
    <span class={`live ${color}`} title={title} data-contact={state}>
      <span class={`led ${state === 'live' ? 'pulse' : ''}`} />
      <b>{word}</b>
      {delay !== null && (state === 'live' || state === 'slow') && (
        <span class="d-only">{`${num(delay / 1000, delay < 95 ? 2 : 1)}${NARROW}s`}</span>
      )}
    </span>
  );
}

/** The chosen range in words. */
export function rangeWords(): string {
  const chosen = range.value;
  if (chosen.kind === 'last') return t.value.rangeLast(rangeSpan(spanText(chosen.ms)));
  const isSameDay = new Date(chosen.from).toDateString() === new Date(chosen.to).toDateString();
  return `${stamp(chosen.from).slice(0, -3)} – ${isSameDay ? hhmmss(chosen.to).slice(0, -3) : stamp(chosen.to).slice(0, -3)}`;
}

/** Shows half, or twice, what is shown now, around its middle. */
export function zoomBy(factor: number): void {
  const seen = seenStretch();
  const middle = (seen.from + seen.to) / 2;
  const half = Math.max(5_000, ((seen.to - seen.from) * factor) / 2);
  setZoom(middle - half, middle + half);
}

/** Steps back (−) or forward (+) by a share of what is shown. */
export function panBy(share: number): void {
  const seen = seenStretch();
  const shift = (seen.to - seen.from) * share;
  setZoom(seen.from + shift, seen.to + shift);
}

function seenStretch(): { from: number; to: number } {
  const fixed = zoom.peek();
  if (fixed) return fixed;
  const chosen = range.peek();
  const end = clock.now();
  return chosen.kind === 'between' ? chosen : { from: end - chosen.ms, to: end };
}

function setZoom(from: number, to: number): void {
  const end = Math.min(to, clock.now());
  setParams({ zoom: `${Math.round(end - (to - from))}-${Math.round(end)}` });
}

export const rangePicker = async (): Promise<typeof RangePicker> => (await import('./range-picker')).RangePicker;
const closeRange = () => (isRangeOpen.value = false);

function Bell() {
  const count = openAll.value;
  const label = count === 0 ? t.value.alerts : `${t.value.alerts}: ${count} ${t.value.alertsOpen}`;
  return (
    <a class={count === 0 ? 'btn-icon' : `btn ${openClass()}`} href={href('/alerts')} aria-label={label} title={label}>
      <Icon name="bell" />
      {count > 0 && count}
    </a>
  );
}

interface Props {
  title: string;
  crumbs?: ComponentChildren;
  /** Which ranges make sense: any, or only those that end now. */
  ranges: 'any' | 'live' | 'none';
  actions?: ComponentChildren;
}

export function TopBar({ title, crumbs, ranges, actions }: Props) {
  const m = t.value;
  const isPaused = pausedAt.value !== null;
  const text = rangeWords();
  const chosen = range.value;
  return (
    <header class="top">
      <div class="crumbs grow">
        {crumbs}
        <h1 class="ell">{title}</h1>
      </div>
      <LiveBadge />
      {zoom.value && ranges === 'any' && (
        <button class="btn" onClick={undoZoom} title={m.undoZoom} aria-label={m.undoZoom}>
          <Icon name="x" size={14} />
          <span class="d-only">{m.undoZoom}</span>
        </button>
      )}
      {ranges !== 'none' && (
        <span class="split">
          <button
            class="btn"
            aria-haspopup="dialog"
            aria-expanded={isRangeOpen.value}
            onClick={() => (isRangeOpen.value = !isRangeOpen.peek())}
          >
            <Icon name="clock" size={14} />
            <span class="sr">{m.range}: </span>
            <span class="d-only">{text}</span>
            <span class="m-only">{chosen.kind === 'last' ? spanText(chosen.ms) : m.past}</span>
            <Icon name="chev" size={12} />
          </button>
          <button class="btn" aria-label={isPaused ? m.resume : m.pause} aria-pressed={isPaused} onClick={togglePause}>
            <Icon name={isPaused ? 'play' : 'pause'} size={14} />
          </button>
          {isRangeOpen.value && (
            <Late
              load={rangePicker}
              props={{ isLiveOnly: ranges === 'live', onClose: closeRange }}
              onFailed={closeRange}
            />
          )}
        </span>
      )}
      {actions ??
        (ranges !== 'none' && (
          <button class="btn d-only" onClick={exportPage}>
            <Icon name="download" size={14} />
            {m.exportWord}
          </button>
        ))}
      <button
        class="btn-icon d-only"
        aria-label={theme.value === 'dark' ? m.themeToLight : m.themeToDark}
        onClick={toggleTheme}
      >
        <Icon name={theme.value === 'dark' ? 'sun' : 'moon'} />
      </button>
      <Bell />
    </header>
  );
}
