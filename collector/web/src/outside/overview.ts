// What the overview asks of other systems in more than one of its parts, asked once.

import { configured, type IntegrationsAnswer, type OutsideAnswer, type Uptime, type UsersOnline } from '../api/outside';
import { outside } from '../api/outside-client';
import { useAnswer, type Answer } from '../live/answer';
import {
  EVERY,
  HOUR_MS,
  USER_KINDS,
  hasAny,
  instancesOf,
  resourceOf,
  useDayOfChecks,
  useStable,
  type States,
  useIntegrations,
} from './source';
import { useUsersLine, type UsersLine } from './users';

const HOUR = {
  key: 'hour',
  ms: HOUR_MS,
  every: EVERY.line,
  at: (now: number) => ({ from: now - HOUR_MS, to: now }),
};

export interface Around {
  integrations: Answer<IntegrationsAnswer>;
  /** Whether anything is connected; null while that is not known. */
  hasAny: boolean | null;
  uptime: Answer<OutsideAnswer<Uptime>>;
  users: Answer<OutsideAnswer<UsersOnline>>;
  usersLine: Answer<UsersLine | null>;
  /** Numbers of the resource whose users are counted. */
  usersOf: readonly number[];
  checks: Answer<States>;
}

export function useAround(): Around {
  const integrations = useIntegrations(EVERY.snapshot);
  const uptime = useAnswer('uptime', EVERY.snapshot, (signal) => outside.uptime(null, signal));
  const counted = instancesOf(integrations.data, USER_KINDS).length > 0;
  // Nobody counts users: one question is enough to know it.
  const users = useAnswer('users', counted ? EVERY.users : null, (signal) => outside.users(null, signal));
  const of = configured(users.data);
  const usersOf = useStable(of === null ? [] : resourceOf(integrations.data, of.kind, of.instance));
  return {
    integrations,
    hasAny: integrations.data === null ? null : hasAny(integrations.data),
    uptime,
    users,
    usersOf,
    usersLine: useUsersLine(HOUR, usersOf),
    checks: useDayOfChecks(),
  };
}
