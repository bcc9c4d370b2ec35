// What a refusal of the collector says to the person, by the code it gave.

import { ApiError } from '../api/client';
import { refusal } from '../cache/refusal';
import { s } from './words';

export function reason(error: unknown): string {
  const m = s.value;
  const texts: Record<string, string> = {
    wrong_password: m.wrongPassword,
    second_factor_wrong: m.wrongCode,
    last_super_admin: m.lastSuperAdmin,
    exists: m.exists,
  };
  const text = error instanceof ApiError && error.code !== null ? texts[error.code] : undefined;
  return text ?? refusal(error);
}

/** Does it, and turns a refusal into one that says what to do. */
export async function told<T>(deed: Promise<T>): Promise<T> {
  try {
    return await deed;
  } catch (error) {
    throw new Error(reason(error), { cause: error });
  }
}
