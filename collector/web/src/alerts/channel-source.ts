// The channels as their list, the tabs' counts and the forms share them.

import { signal } from '@preact/signals';

import { channels, type Channel } from '../api/alerts';
import { refusal } from '../cache/refusal';

/** Null until they are known. */
export const channelRows = signal<readonly Channel[] | null>(null);
export const channelsFailure = signal<string | null>(null);

let asking: Promise<void> | null = null;

async function askOnce(): Promise<void> {
  try {
    channelRows.value = await channels.list();
    channelsFailure.value = null;
  } catch (error) {
    channelsFailure.value = refusal(error);
  }
}

/** Asks for all; one question at a time. */
export function reloadChannels(): Promise<void> {
  asking ??= askOnce().finally(() => (asking = null));
  return asking;
}
