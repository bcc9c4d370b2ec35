// One card an instance, and one for each kind that is not connected.

import type { IntegrationInstance, IntegrationKind, OutsideStatus } from '../api/outside';
import { ago, millis, span, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { now } from '../live/feed';
import { OutsideBadge } from '../outside/notes';
import {
  isFailing,
  kindSign,
  lastGoodText,
  lookOf,
  missingText,
  nextTryText,
  rateText,
  reasonOf,
} from '../outside/states';
import { href, setParams } from '../state/route';
import { Icon } from '../ui/icon';

function openConnect(kind: string): void {
  setParams({ connect: kind });
}

/** The lines below the name: how fresh it is, what is wrong in words, what is left, and when it is asked again. */
function Facts({ title, status }: { title: string; status: OutsideStatus }) {
  const m = t.value;
  const time = now.value;
  const failing = isFailing(status);
  const reason = reasonOf(title, status);
  const look = lookOf(status);
  const since = failing ? m.failingFor(span(Math.max(0, time - status.since))) : '';
  const missing = missingText(status);
  const rate = rateText(status, time);
  const speed = status.latency_ms === null ? '' : m.answeredIn(millis(status.latency_ms));
  const fresh =
    status.last_ok !== null && !failing ? ago(Math.max(0, time - status.last_ok)) : lastGoodText(status, time);
  return (
    <div class="intg-f sub tn">
      {reason !== null && (
        <p class={look.class === 'crit' ? 'crit-line' : 'warn-line'}>
          <b>{reason}</b>
          {status.last_error !== null && `: ${status.last_error.message}`}
        </p>
      )}
      {missing !== '' && <p class="warn-line">{missing}</p>}
      <p title={status.last_ok === null ? undefined : stamp(status.last_ok)}>
        {[
          since,
          status.state === 'pending' ? m.firstAnswerSoon : fresh,
          failing ? '' : m.askedEvery(span(status.interval_s * 1000)),
        ]
          .filter(Boolean)
          .join(' · ')}
      </p>
      <p>{[nextTryText(status, time), rate, failing ? '' : speed].filter(Boolean).join(' · ')}</p>
    </div>
  );
}

export function InstanceCard({ kind, instance }: { kind: IntegrationKind; instance: IntegrationInstance }) {
  const m = t.value;
  const { status, resource } = instance;
  const name = kind.instances.length > 1 || instance.name !== kind.kind ? ` · ${instance.name}` : '';
  const isStale = isFailing(status) && status.last_ok !== null;
  return (
    <li class={`card intg-c ${isStale ? 'stale' : ''}`} data-integration={kind.kind} data-state={status.state}>
      <div class="row intg-h">
        <span class="mico">
          <Icon name={kindSign(kind.kind)} size={18} />
        </span>
        <span class="grow">
          <h3 class="ell">{`${kind.title}${name}`}</h3>
          <span class="sub ell" title={instance.target}>
            {instance.target === '' ? m.none : instance.target}
          </span>
        </span>
        <OutsideBadge status={status} />
      </div>
      <Facts title={kind.title} status={status} />
      <div class="row intg-e">
        {resource !== null && (
          <a class="btn sm ghost" href={href(`/resource/${resource}`)}>
            {m.open}
            <span class="sr"> {`${kind.title} ${instance.name}`}</span>
            <Icon name="chevr" size={12} />
          </a>
        )}
        <button class="btn sm" onClick={() => openConnect(kind.kind)}>
          {m.setUp}
          <span class="sr"> {`${kind.title} ${instance.name}`}</span>
        </button>
      </div>
    </li>
  );
}

export function UnconnectedCard({ kind, group }: { kind: IntegrationKind; group: string }) {
  const m = t.value;
  return (
    <li class="card intg-c" data-integration={kind.kind} data-state="not_configured">
      <div class="row intg-h">
        <span class="mico off">
          <Icon name={kindSign(kind.kind)} size={18} />
        </span>
        <span class="grow">
          <h3 class="ell">{kind.title}</h3>
          <span class="sub ell">{`${group} · ${m.notConnected}`}</span>
        </span>
        <button class="btn sm pri" onClick={() => openConnect(kind.kind)}>
          {m.connect}
          <span class="sr"> {kind.title}</span>
        </button>
      </div>
    </li>
  );
}
