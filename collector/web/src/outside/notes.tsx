// What stands where figures of another system are missing or not to be trusted: how to connect it, why it fails, what lacks.

import type { ComponentChildren } from 'preact';

import type { Configured, NotConfigured, OutsideStatus } from '../api/outside';
import { t } from '../i18n/index';
import { now } from '../live/feed';
import { hrefWith } from '../state/route';
import { Icon, type IconName } from '../ui/icon';
import { Command, Empty } from '../ui/parts';
import { isFailing, kindTitle, lookOf, missingText, nextTryText, reasonOf } from './states';

export function OutsideBadge({ status, isStale = false }: { status: OutsideStatus | null; isStale?: boolean }) {
  const look = lookOf(status, isStale);
  return (
    <span class={`badge ${look.class}`} title={status?.text}>
      <Icon name={look.icon} size={12} />
      {look.word}
    </span>
  );
}

/** The link to what has to be written to connect a kind. */
export function ConnectLink({ kind, title }: { kind: string; title: string }) {
  return (
    <a class="btn sm" href={hrefWith('/integrations', { connect: kind })}>
      {t.value.connectWhat(title)}
    </a>
  );
}

export interface Connect {
  /** The kind that is offered first. */
  kind: string;
  title: string;
  /** What the card would show. */
  text: string;
  icon: IconName;
}

interface NotConnectedProps {
  connect: Connect;
  /** The answer whose lines stand below, where there is room for them. */
  lines?: NotConfigured;
}

/** Nothing of a kind is connected: what it would show, and how it is connected. */
export function NotConnected({ connect, lines }: NotConnectedProps) {
  const m = t.value;
  const { icon, kind, title, text } = connect;
  if (lines === undefined) {
    return (
      <Empty icon={icon} title={m.notConnectedYet} text={text}>
        <ConnectLink kind={kind} title={title} />
      </Empty>
    );
  }
  return (
    <div class="not-connected">
      <Empty icon={icon} title={m.notConnectedWhat(title)} text={text} />
      <p class="sub">{m.stepWrite}</p>
      <Command text={lines.snippet.trimEnd()} />
      <p>
        <ConnectLink kind={kind} title={title} />
      </p>
    </div>
  );
}

/** A page, or a part of it, for what is not connected. */
export function FirstRun({ children }: { children: ComponentChildren }) {
  return (
    <section class="card">
      <div class="b first-run">{children}</div>
    </section>
  );
}

/** Connected, but there is no figure: it waits for the first answer, or says why there is none and what happens next. */
export function NoFigures({ answer }: { answer: Configured }) {
  const m = t.value;
  const { status, kind } = answer;
  const title = kindTitle(kind);
  const missing = missingText(status);
  if (!isFailing(status) && missing === '')
    return <Empty icon="clock" title={m.noAnswerYet} text={m.firstAnswerSoon} />;
  const next = nextTryText(status, now.value);
  const why = isFailing(status) ? (status.last_error?.message ?? '') : missing;
  return (
    <Empty icon={lookOf(status).icon} title={reasonOf(title, status) ?? m.noFigures(title)}>
      <p class="anywhere">
        {why}
        {next !== '' && <span class="line">{next}</span>}
      </p>
      <a class="btn sm" href={hrefWith('/integrations', {})}>
        {m.seeIntegrations}
      </a>
    </Empty>
  );
}

/** Says in one line what is wrong with figures that are shown all the same. */
export function Trouble({ answer }: { answer: Configured }) {
  const m = t.value;
  const { status, stale: isStale } = answer;
  const title = kindTitle(answer.kind);
  const reason = reasonOf(title, status) ?? (isStale ? m.reasonStale(title) : null);
  const missing = missingText(status);
  if (reason === null && missing === '') return null;
  const look = lookOf(status, isStale);
  const why = reason === null ? '' : (status.last_error?.message ?? '');
  const next = reason === null ? '' : nextTryText(status, now.value);
  return (
    <p class={`note trouble ${look.class}`}>
      <Icon name={look.icon} size={14} />
      <span class="grow">
        {reason !== null && <b>{why === '' ? reason : `${reason}:`}</b>}{' '}
        {[why, missing, next].filter(Boolean).join(' · ')}
      </span>
    </p>
  );
}
