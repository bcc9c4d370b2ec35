// Who is signed in, and whether the collector still waits for its first administrator.

import { signal } from '@preact/signals';

import { api, ApiError, onUnauthorized } from '../api/client';
import type { Provider, User } from '../api/types';

export type Session =
  | { state: 'asking' }
  | { state: 'out'; setupRequired: boolean }
  | { state: 'in'; user: User }
  | { state: 'unreachable' };

export const session = signal<Session>({ state: 'asking' });
/** Version of the collector, once it has said so. */
export const version = signal<string | null>(null);
/** Who else may let people in, as the collector names them. */
export const providers = signal<readonly Provider[]>([]);

/** Asks the collector who we are. */
export async function ask(): Promise<void> {
  try {
    const [state, me] = await Promise.all([
      api.authState(),
      api.me().catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }),
    ]);
    version.value = state.version;
    providers.value = state.oidc ?? [];
    session.value = me ? { state: 'in', user: me } : { state: 'out', setupRequired: state.setup_required };
  } catch {
    session.value = { state: 'unreachable' };
  }
}

/** Takes in the user after signing in. */
export function entered(user: User): void {
  session.value = { state: 'in', user };
}

/** The session ended here: by choice or because the collector said so. */
export function left(): void {
  session.value = { state: 'out', setupRequired: false };
}

/** So long an answer with a new cookie may be on its way while the old session is over already. */
const COOKIE_MS = 1_000;

/**
 * Whether the person is still in though the stream said that its session ended: who changes the own password, or turns a
 * second factor on or off, goes on in a new one.
 */
export async function goesOn(): Promise<boolean> {
  for (const wait of [0, COOKIE_MS]) {
    await new Promise((done) => setTimeout(done, wait));
    try {
      const user = await api.me();
      if (session.peek().state === 'in') entered(user);
      return true;
    } catch (error) {
      // Without an answer nothing is known: the link goes on trying.
      if (!(error instanceof ApiError && error.status === 401)) return true;
    }
  }
  return false;
}

export async function signOut(): Promise<void> {
  try {
    await api.logout();
  } finally {
    left();
  }
}

onUnauthorized(left);
