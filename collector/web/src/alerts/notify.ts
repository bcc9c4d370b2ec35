// Notifications of the browser: only when the person asked for them by a click, and only while a tab is open.
//
// One an incident: its tag replaces the one before instead of standing beside it.

import { signal } from '@preact/signals';

import type { Alert } from '../api/alerts';
import { recall, remember } from '../state/store';
import { announce } from '../ui/announcer';
import { subtitle, title } from './text';
import { a } from './words';

export type Leave = 'off' | 'on' | 'denied' | 'missing';

function leave(): Leave {
  if (typeof Notification === 'undefined') return 'missing';
  if (Notification.permission === 'denied') return 'denied';
  return Notification.permission === 'granted' && recall('notify') === 'on' ? 'on' : 'off';
}

/** Whether the browser tells of new alerts. */
export const notifying = signal<Leave>(leave());

/** Asks the browser, and remembers that it was wanted. */
export async function askForNotices(): Promise<void> {
  if (typeof Notification === 'undefined') return;
  if ((await Notification.requestPermission()) === 'granted') remember('notify', 'on');
  notifying.value = leave();
}

export function stopNotices(): void {
  remember('notify', 'off');
  notifying.value = leave();
}

/** The gravest alert of each incident that is new, or graver than it was. */
export function newIncidents(before: readonly Alert[], now: readonly Alert[]): Alert[] {
  const levels = new Map<number, string>();
  for (const { incident, level } of before) {
    if (levels.get(incident) !== 'critical') levels.set(incident, level);
  }
  const found = new Map<number, Alert>();
  for (const alert of now) {
    const { incident, level, silenced } = alert;
    const was = levels.get(incident);
    if (silenced || was === 'critical' || was === level) continue;
    const other = found.get(incident);
    if (!other || (other.level !== 'critical' && level === 'critical')) found.set(incident, alert);
  }
  return [...found.values()];
}

function show(alert: Alert): void {
  try {
    const notice = new Notification(
      `${alert.level === 'critical' ? a.peek().critical : a.peek().warning}: ${title(alert)}`,
      {
        body: subtitle(alert),
        tag: `farol-incident-${alert.incident}`,
        requireInteraction: alert.level === 'critical',
        icon: `./favicon-${alert.level === 'critical' ? 'crit' : 'warn'}.svg`,
      },
    );
    notice.onclick = () => {
      window.focus();
      location.hash = `/alerts?incident=${alert.incident}`;
      notice.close();
    };
  } catch {
    // Some phones let only a service worker do it: the page and its sound-free count remain.
  }
}

/** Tells what is new since the last answer: to screen readers, and by the browser if it was asked for. */
export function announceNew(before: readonly Alert[], now: readonly Alert[]): void {
  for (const alert of newIncidents(before, now)) {
    if (alert.level === 'critical') announce(`${a.peek().critical}: ${title(alert)}`);
    if (notifying.peek() === 'on') show(alert);
  }
}
