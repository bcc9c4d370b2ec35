// What the actions of the audit log are called.

import { actionWord } from '../cache/recent';
import { s } from './words';

/** Those that can be filtered by, in the order of the list. */
export const ACTIONS: readonly string[] = [
  'login',
  'login.failed',
  'password.change',
  'second_factor.enable',
  'second_factor.disable',
  'session.end',
  'user.create',
  'user.change',
  'user.delete',
  'token.create',
  'token.revoke',
  'api_token.create',
  'api_token.revoke',
  'board.create',
  'board.change',
  'board.delete',
  'rule.create',
  'rule.change',
  'rule.delete',
  'silence.create',
  'silence.end',
  'incident.acknowledge',
  'incident.unacknowledge',
  'channel.create',
  'channel.change',
  'channel.delete',
  'channel.test',
  'export',
  'redis.inspect',
  'redis.unmask',
  'redis.preview_pattern',
  'redis.delete_key',
  'redis.delete_pattern',
  'redis.undo',
  'redis.flush_db',
  'redis.flush_all',
];

/** The action in words; one that is not known keeps its own name. */
export function doneWord(action: string): string {
  const m = s.value;
  const words: Record<string, string> = {
    login: m.actLogin,
    'login.failed': m.actLoginFailed,
    'password.change': m.actPassword,
    'second_factor.enable': m.actFactorOn,
    'second_factor.disable': m.actFactorOff,
    'session.end': m.actSessionEnd,
    'user.create': m.actUserCreate,
    'user.change': m.actUserChange,
    'user.delete': m.actUserDelete,
    'token.create': m.actTokenCreate,
    'token.revoke': m.actTokenRevoke,
    'api_token.create': m.actApiTokenCreate,
    'api_token.revoke': m.actApiTokenRevoke,
    'board.create': m.actBoardCreate,
    'board.change': m.actBoardChange,
    'board.delete': m.actBoardDelete,
    'rule.create': m.actRuleCreate,
    'rule.change': m.actRuleChange,
    'rule.delete': m.actRuleDelete,
    'silence.create': m.actSilenceCreate,
    'silence.end': m.actSilenceEnd,
    'incident.acknowledge': m.actAcknowledge,
    'incident.unacknowledge': m.actUnacknowledge,
    'channel.create': m.actChannelCreate,
    'channel.change': m.actChannelChange,
    'channel.delete': m.actChannelDelete,
    'channel.test': m.actChannelTest,
    export: m.actExport,
    'redis.unmask': m.actUnmask,
    'redis.flush_db': `${actionWord({ action, target: null })} (FLUSHDB)`,
    'redis.flush_all': `${actionWord({ action, target: null })} (FLUSHALL)`,
  };
  return words[action] ?? (action.startsWith('redis.') ? actionWord({ action, target: null }) : action);
}
