// What a refused action says to the person: what was wrong, and what to do.

import { ApiError } from '../api/client';
import { span } from '../i18n/format';
import { t } from '../i18n/index';

export function refusal(error: unknown): string {
  const m = t.value;
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  if (error.status === 0) return m.actNoContact;
  if (error.status === 429 && error.retryAfter !== null) return m.actWait(span(error.retryAfter * 1000));
  if (error.faults.length > 0) return error.faults.map(({ field, detail }) => `${field}: ${detail}`).join('; ');
  return error.detail;
}

/** Whether what was counted is not there any more: it has to be counted again. */
export function hasChanged(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409;
}
