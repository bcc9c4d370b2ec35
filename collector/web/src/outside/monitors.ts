// What the states of monitors mean: shape, colour and word, for each and for all together.

import type { Monitor, MonitorState, UptimeWord } from '../api/outside';
import { t } from '../i18n/index';
import type { IconName } from '../ui/icon';

interface Look {
  class: 'ok' | 'warn' | 'crit' | 'unk';
  icon: IconName;
}

const LOOKS: Record<MonitorState, Look> = {
  online: { class: 'ok', icon: 'check' },
  degraded: { class: 'warn', icon: 'warn' },
  offline: { class: 'crit', icon: 'crit' },
  paused: { class: 'unk', icon: 'pause' },
  unknown: { class: 'unk', icon: 'ghost' },
};

export function monitorLook(state: MonitorState): Look {
  return LOOKS[state];
}

export function monitorWord(state: MonitorState): string {
  const m = t.value;
  return {
    online: m.online,
    degraded: m.degraded,
    offline: m.offline,
    paused: m.pausedMonitor,
    unknown: m.unknownMonitor,
  }[state];
}

const WORD_LOOKS: Record<UptimeWord, Look> = {
  ONLINE: { class: 'ok', icon: 'check' },
  DEGRADED: { class: 'warn', icon: 'warn' },
  OFFLINE: { class: 'crit', icon: 'x' },
  UNKNOWN: { class: 'unk', icon: 'ghost' },
};

export function wordLook(word: UptimeWord): Look {
  return WORD_LOOKS[word];
}

/** The one word of the LED. */
export function uptimeWord(word: UptimeWord): string {
  const m = t.value;
  return { ONLINE: m.wordOnline, DEGRADED: m.wordDegraded, OFFLINE: m.wordOffline, UNKNOWN: m.wordUnknown }[word];
}

const RANK: Record<MonitorState, number> = { offline: 0, degraded: 1, unknown: 2, online: 3, paused: 4 };

/** Worst first, then by name. */
export function worstMonitorFirst(a: Monitor, b: Monitor): number {
  return RANK[a.state] - RANK[b.state] || a.name.localeCompare(b.name);
}

/** How many of those that are not paused answer. */
export function answering(monitors: readonly Monitor[]): { online: number; all: number } {
  const asked = monitors.filter(({ state }) => state !== 'paused');
  return { online: asked.filter(({ state }) => state === 'online').length, all: asked.length };
}

/** The mean of a share over those that have it; null when none does. */
export function meanOf(monitors: readonly Monitor[], of: (monitor: Monitor) => number | null): number | null {
  const values = monitors.flatMap((monitor) => of(monitor) ?? []);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
