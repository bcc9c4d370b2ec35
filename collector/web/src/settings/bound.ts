// What is kept from the signed-in person: by the role, or by being bound to one tenant.

import { t } from '../i18n/index';
import { may, role, roleWord, type Role } from '../state/roles';
import { session } from '../state/session';
import { s } from './words';

/** The only tenant that the person sees; null: the whole house. */
export function boundTo(): string | null {
  const now = session.value;
  return now.state === 'in' ? (now.user.tenant ?? null) : null;
}

/** Whether something about the whole house, for that role and higher, is the person's. */
export function mayKeep(least: Role): boolean {
  return may(least) && boundTo() === null;
}

/** Why it is not. */
export function whyLocked(least: Role): string {
  const tenant = boundTo();
  if (may(least) && tenant !== null) return s.value.boundText(tenant);
  return t.value.roleNeeded(roleWord(least), roleWord(role()));
}
