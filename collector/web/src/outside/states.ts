// What the state of a system that is asked means for a person: colour, shape, word, and the reason in a sentence.

import type { OutsideStatus } from '../api/outside';
import { ago, num, span } from '../i18n/format';
import { t } from '../i18n/index';
import type { IconName } from '../ui/icon';

/** Names of kinds; they are the same in every language. */
const TITLES: Record<string, string> = {
  sentry: 'Sentry',
  redis: 'Redis',
  rabbitmq: 'RabbitMQ',
  celery: 'Celery',
  postgres: 'PostgreSQL',
  cloudwatch: 'AWS CloudWatch',
  railway: 'Railway',
  vercel: 'Vercel',
  digitalocean: 'DigitalOcean',
  uptimerobot: 'UptimeRobot',
  online_users: 'Redis',
  plausible: 'Plausible',
  fathom: 'Fathom',
  umami: 'Umami',
};

const ICONS: Record<string, IconName> = {
  sentry: 'bug',
  redis: 'db',
  rabbitmq: 'layers',
  celery: 'layers',
  postgres: 'db',
  cloudwatch: 'server',
  railway: 'box',
  vercel: 'globe',
  digitalocean: 'server',
  uptimerobot: 'pulse',
  online_users: 'users',
  plausible: 'users',
  fathom: 'users',
  umami: 'users',
  check: 'heart',
};

export function kindTitle(kind: string): string {
  return kind === 'check' ? t.value.ownChecks : (TITLES[kind] ?? kind);
}

/** What an instance is, where its name stands alone: that users are counted in a Redis does not make it one. */
export function integrationWord(kind: string): string {
  return kind === 'online_users' ? t.value.usersOnline : kindTitle(kind);
}

export function kindSign(kind: string): IconName {
  return ICONS[kind] ?? 'plug';
}

export interface OutsideLook {
  class: 'ok' | 'warn' | 'crit' | 'unk';
  icon: IconName;
  word: string;
}

function isLimited(status: OutsideStatus): boolean {
  return status.last_error?.code === 'limited' || status.last_error?.http_status === 429;
}

/** Whether the newest question failed as a whole. */
export function isFailing(status: OutsideStatus): boolean {
  return ['auth_error', 'unreachable', 'bad_answer', 'stale'].includes(status.state);
}

/** How a system is doing; null is one that is not connected. `isStale`: its figures are old, whatever the last answer was. */
export function lookOf(status: OutsideStatus | null, isStale = false): OutsideLook {
  const m = t.value;
  const slow: OutsideLook = { class: 'warn', icon: 'warn', word: m.slow };
  const stale: OutsideLook = { class: 'warn', icon: 'clock', word: m.stale };
  if (status === null || status.state === 'not_configured') return { class: 'unk', icon: 'plug', word: m.notConnected };
  switch (status.state) {
    case 'ok':
      return isStale ? stale : { class: 'ok', icon: 'check', word: m.connected };
    case 'partial':
      return isStale ? stale : { class: 'warn', icon: 'warn', word: m.inPart };
    case 'stale':
      return stale;
    case 'pending':
      return { class: 'unk', icon: 'ghost', word: m.noAnswerYet };
    case 'auth_error':
    case 'unreachable':
    case 'bad_answer':
      return isLimited(status) ? slow : { class: 'crit', icon: 'crit', word: m.refused };
  }
}

/** "Sentry refused the key (401)"; null while all is well. */
export function reasonOf(title: string, status: OutsideStatus): string | null {
  const m = t.value;
  if (status.state === 'stale') return m.reasonStale(title);
  if (!isFailing(status)) return null;
  const { last_error: error, state } = status;
  const number = error?.http_status == null ? '' : ` (${error.http_status})`;
  if (isLimited(status)) return m.reasonLimited(title, number);
  if (error?.code === 'pending') return m.reasonPending(title);
  if (state === 'auth_error') return m.reasonAuth(title, number);
  if (state === 'unreachable') return m.reasonUnreachable(title, number);
  return m.reasonBadAnswer(title, number);
}

/** "next try in 4 min"; empty when none is planned. */
export function nextTryText(status: OutsideStatus, now: number): string {
  const m = t.value;
  if (status.next_poll === null) return '';
  const wait = status.next_poll - now;
  if (!isFailing(status)) return wait <= 1_000 ? '' : m.nextAsk(span(wait));
  return wait <= 1_000 ? m.nextTryNow : m.nextTry(span(wait));
}

/** "last success 3 min ago". */
export function lastGoodText(status: OutsideStatus, now: number): string {
  const m = t.value;
  return status.last_ok === null ? m.neverGood : m.lastGood(ago(Math.max(0, now - status.last_ok)));
}

/** What of its allowance a system leaves; empty when it does not say. */
export function rateText(status: OutsideStatus, now: number): string {
  const m = t.value;
  const rate = status.rate_limit;
  if (rate?.remaining == null) return '';
  const left =
    rate.limit === null ? m.rateLeftOnly(num(rate.remaining)) : m.rateLeft(num(rate.remaining), num(rate.limit));
  const isShort = rate.limit !== null && rate.remaining < rate.limit / 5;
  const renewed =
    rate.reset_at !== null && rate.reset_at > now && isShort ? m.rateReset(span(rate.reset_at - now)) : '';
  return renewed === '' ? left : `${left}, ${renewed}`;
}

/** Parts that the newest answer lacks, each with why. */
export function missingText(status: OutsideStatus): string {
  if (status.missing.length === 0) return '';
  return t.value.missingParts(
    status.missing.map(({ part, message }) => (message === '' ? part : `${part} (${message})`)).join('; '),
  );
}

/** An address that a link may lead to: what others say is not trusted to be one. */
export function safeLink(link: string | null | undefined): string | null {
  return link != null && /^https?:\/\//i.test(link) ? link : null;
}
