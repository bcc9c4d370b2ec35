// The silences as their list, the tabs' counts and the forms share them.

import { signal } from '@preact/signals';

import { silences, type Silence } from '../api/alerts';
import { refusal } from '../cache/refusal';

/** Null until they are known. */
export const silenceRows = signal<readonly Silence[] | null>(null);
export const silencesFailure = signal<string | null>(null);

let asking: Promise<void> | null = null;

async function askOnce(): Promise<void> {
  try {
    silenceRows.value = await silences.list();
    silencesFailure.value = null;
  } catch (error) {
    silencesFailure.value = refusal(error);
  }
}

/** Asks for all; one question at a time. */
export function reloadSilences(): Promise<void> {
  asking ??= askOnce().finally(() => (asking = null));
  return asking;
}
