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

export async function signOut(): Promise<void> {
  try {
    await api.logout();
  } finally {
    left();
  }
}

onUnauthorized(left);
