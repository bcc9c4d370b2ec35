// What the signed-in person may do. The collector checks it again; this only says beforehand what it would refuse.

import { t } from '../i18n/index';
import { session } from './session';

export type Role = 'viewer' | 'operator' | 'admin' | 'super_admin';

const ORDER: readonly string[] = ['viewer', 'operator', 'admin', 'super_admin'] satisfies Role[];

/** The role of the signed-in person; one that is not known may only look. */
export function role(): Role {
  const now = session.value;
  const name = now.state === 'in' ? now.user.role : '';
  return ORDER.includes(name) ? (name as Role) : 'viewer';
}

/** Whether that role, or a higher one, is the person's. */
export function may(needed: Role): boolean {
  return ORDER.indexOf(role()) >= ORDER.indexOf(needed);
}

/** Whether the collector shows this person its own machine: which role that takes is a setting of its. */
export function mayMonitor(): boolean {
  const now = session.value;
  return now.state === 'in' && now.user.monitoring === true;
}

/** Whether the person makes tokens of agents: an administrator of the whole house. */
export function mayAddAgents(): boolean {
  const now = session.value;
  return now.state === 'in' && may('admin') && (now.user.tenant ?? null) === null;
}

export function roleWord(name: Role): string {
  const m = t.value;
  return { viewer: m.roleViewer, operator: m.roleOperator, admin: m.roleAdmin, super_admin: m.roleSuperAdmin }[name];
}
