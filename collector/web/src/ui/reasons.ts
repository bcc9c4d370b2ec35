// Why a resource has its status, in words.

import type { Reason } from '../api/types';
import { age, millis, num, pct, span } from '../i18n/format';
import { t } from '../i18n/index';
import { now } from '../live/feed';
import type { Resource } from '../live/fleet';

function ratio(value: number | null): string {
  return value === null ? t.value.none : pct(value);
}

function seconds(value: number | null): string {
  return value === null ? t.value.none : millis(value * 1000);
}

export function reasonText(resource: Resource, reason: Reason): string {
  const m = t.value;
  const limit = reason.threshold === null ? m.none : pct(reason.threshold, 0);
  switch (reason.code) {
    case 'cpu_high':
      return m.reasonCpu(ratio(reason.value), limit);
    case 'memory_high':
      return m.reasonMemory(ratio(reason.value), limit);
    case 'disk_high':
      return m.reasonDisk(reason.detail ?? '', ratio(reason.value), limit);
    case 'silent':
      return m.reasonSilent(m.ago(age(Math.max(0, now.value - resource.live.value.time))));
    case 'throttled':
      return m.reasonThrottled(ratio(reason.value));
    case 'oom':
      return m.reasonOom(num(reason.value ?? 0));
    case 'errors_high':
      return m.reasonErrors(ratio(reason.value), limit);
    case 'latency_high':
      return m.reasonLatency(seconds(reason.value), seconds(reason.threshold));
    case 'no_answer':
      return m.reasonNoAnswer;
    default:
      return m.reasonOther(reason.code);
  }
}

/** All reasons of a resource, capitalised as a sentence. */
export function reasonsText(resource: Resource): string {
  const text = resource.live.value.reasons.map((reason) => reasonText(resource, reason)).join(' · ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** How long ago a resource ended; null while it runs. */
export function endedAge(resource: Resource): string | null {
  const { time, status } = resource.live.value;
  return status === 'ended' ? span(Math.max(0, now.value - time)) : null;
}

/** How old the newest sample is when it is too old to be called fresh; null while it is. */
export function staleness(resource: Resource): string | null {
  const { time, status } = resource.live.value;
  if (status === 'ended') return null;
  const late = now.value - time;
  // Two seconds more than three intervals: delivery takes its time as well.
  return late > 3 * resource.row.value.interval_ms + 2_000 ? span(late) : null;
}
