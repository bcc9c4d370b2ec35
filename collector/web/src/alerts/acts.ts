// What people do about an alert: say that they look after it, or silence it for an hour. Both can be taken back.

import { alerts, silences, type Alert } from '../api/alerts';
import { refusal } from '../cache/refusal';
import { hhmm } from '../i18n/format';
import { t } from '../i18n/index';
import * as clock from '../live/clock';
import { session } from '../state/session';
import { toast } from '../ui/toast';
import { alertsChanged, openAlerts } from './source';
import { title } from './text';
import { a } from './words';

const HOUR_MS = 3_600_000;

/** Shows at once what the answer will confirm. */
function mark(incident: number, acknowledged: Alert['acknowledged']): void {
  openAlerts.value = (openAlerts.peek() ?? []).map((alert) =>
    alert.incident === incident ? { ...alert, acknowledged } : alert,
  );
}

export async function unacknowledge(incident: number): Promise<void> {
  try {
    await alerts.unacknowledge(incident);
    mark(incident, null);
  } catch (error) {
    toast('crit', a.peek().actFailed(refusal(error)));
  }
  alertsChanged();
}

/** The whole incident: whoever looks after one of its alerts looks after all. */
export async function acknowledge(alert: Alert): Promise<void> {
  const { incident } = alert;
  const now = session.peek();
  try {
    await alerts.acknowledge(incident);
    mark(incident, { by: now.state === 'in' ? now.user.username : '', at: clock.now() });
    toast('ok', a.peek().acknowledged(title(alert)), { label: t.peek().undo, run: () => void unacknowledge(incident) });
  } catch (error) {
    toast('crit', a.peek().actFailed(refusal(error)));
  }
  alertsChanged();
}

/** Of this rule on this resource. */
export function matchersOf(alert: Alert): string[] {
  return [`rule=${alert.rule}`, ...(alert.resource_name === null ? [] : [`resource=${alert.resource_name}`])];
}

/** Silences what fires here for an hour; its alert stays in the list. */
export async function silenceHour(alert: Alert): Promise<void> {
  const until = clock.now() + HOUR_MS;
  try {
    const made = await silences.create({ matchers: matchersOf(alert), reason: a.peek().silenceReason, until });
    toast('ok', a.peek().silencedUntil(title(alert), hhmm(until)), {
      label: t.peek().undo,
      run: () => void endSilence(made.id),
    });
  } catch (error) {
    toast('crit', a.peek().actFailed(refusal(error)));
  }
  alertsChanged();
}

export async function endSilence(id: number): Promise<void> {
  try {
    await silences.end(id);
    toast('ok', a.peek().silenceEnded);
  } catch (error) {
    toast('crit', a.peek().actFailed(refusal(error)));
  }
  alertsChanged();
}
