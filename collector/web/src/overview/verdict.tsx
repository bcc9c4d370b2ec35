// The first card: green, yellow or red, and why in words.

import { computed } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { configured, type UptimeWord } from '../api/outside';
import type { Reason, Status } from '../api/types';
import { hhmmss, num } from '../i18n/format';
import { t } from '../i18n/index';
import { lastHeard } from '../live/feed';
import { fleet, isLoaded, rank, worst, type Resource } from '../live/fleet';
import type { Around } from '../outside/overview';
import { contact } from '../shell/top-bar';
import { href } from '../state/route';
import { announce } from '../ui/announcer';
import { Icon, type IconName } from '../ui/icon';
import { look, statusWord } from '../ui/parts';
import { reasonText } from '../ui/reasons';
import { AnswerCount, UptimePart, UsersPart } from './hero-parts';

const REASONS_SHOWN = 3;

interface Verdict {
  light: 'ok' | 'warn' | 'crit' | 'unk';
  icon: IconName;
  word: string;
}

const troubles = computed(() =>
  [...fleet.value.values()]
    .filter((resource) => !['ok', 'ended'].includes(resource.live.value.status))
    .sort((a, b) => rank(a.live.value.status) - rank(b.live.value.status) || a.id - b.id)
    .flatMap((resource) => resource.live.value.reasons.map((reason) => ({ resource, reason }))),
);

export const counts = computed(() => {
  const found: Record<Status, number> = { ok: 0, warning: 0, critical: 0, silent: 0 };
  for (const resource of fleet.value.values()) {
    const { status } = resource.live.value;
    if (status !== 'ended') found[status] += 1;
  }
  return found;
});

/** The word of everything together: what is asked from outside can make it worse, never better. */
function verdict(uptime: UptimeWord | null): Verdict {
  const own = ownVerdict();
  const m = t.value;
  if (contact.value === 'lost' || uptime === null || uptime === 'UNKNOWN') return own;
  if (uptime === 'OFFLINE') return { light: 'crit', icon: 'x', word: m.wordOffline };
  if (uptime === 'DEGRADED' && own.light !== 'crit') return { light: 'warn', icon: 'warn', word: m.wordDegraded };
  return worst.value === null ? { light: 'ok', icon: 'check', word: m.wordOnline } : own;
}

function ownVerdict(): Verdict {
  const m = t.value;
  const status = worst.value;
  if (contact.value === 'lost' || status === null) return { light: 'unk', icon: 'ghost', word: m.verdictUnknown };
  if (status === 'ok') return { light: 'ok', icon: 'check', word: m.verdictOk };
  if (status === 'warning') return { light: 'warn', icon: 'warn', word: m.verdictWarning };
  if (counts.value.critical + counts.value.warning + counts.value.ok === 0)
    return { light: 'crit', icon: 'x', word: m.verdictOffline };
  return { light: 'crit', icon: 'crit', word: m.verdictCritical };
}

function Why({ resource, reason }: { resource: Resource; reason: Reason }) {
  const { status } = resource.live.value;
  return (
    <li>
      <span class={`si ${look(status).class}`}>
        <Icon name={look(status).icon} size={14} />
      </span>
      <span>
        <a href={href(`/resource/${resource.id}`)}>{resource.row.value.name}</a>
        {reasonText(resource, reason)}
      </span>
    </li>
  );
}

function Explanation() {
  const m = t.value;
  if (contact.value === 'lost') return <p class="sub">{m.whyNoContact}</p>;
  if (fleet.value.size === 0) return <p class="sub">{isLoaded.value ? m.whyNoResources : m.loading}</p>;
  const all = troubles.value;
  if (all.length === 0) return <p class="sub">{m.whyAllOk(counts.value.ok)}</p>;
  return (
    <ul class="why">
      {all.slice(0, REASONS_SHOWN).map(({ resource, reason }) => (
        <Why key={`${resource.id} ${reason.code} ${reason.detail ?? ''}`} resource={resource} reason={reason} />
      ))}
      {all.length > REASONS_SHOWN && <li class="faint">{m.whyMore(all.length - REASONS_SHOWN)}</li>}
    </ul>
  );
}

function Count({ status }: { status: Status }) {
  const count = counts.value[status];
  return (
    <div class="count">
      <b class={count > 0 ? look(status).class : 'faint'}>
        <Icon name={look(status).icon} size={16} />
        {num(count)}
      </b>
      <span class="sub">{statusWord(status)}</span>
    </div>
  );
}

interface Props {
  around?: Around;
}

export function VerdictCard({ around }: Props) {
  const m = t.value;
  const checks = around === undefined ? null : configured(around.uptime.data);
  const people = around === undefined ? null : configured(around.users.data);
  const monitors = checks?.monitors ?? [];
  const { light, icon, word } = verdict(checks === null || checks.stale ? null : (checks.word ?? null));
  const parts = [monitors.length > 0 ? 'with-up' : '', people === null ? '' : 'with-users'].filter(Boolean);
  const layout = parts.length === 0 ? '' : ['wide', ...parts].join(' ');
  const before = useRef(word);
  useEffect(() => {
    if (before.current !== word) announce(m.announceStatus(m.verdict, word));
    before.current = word;
  }, [word]);
  const heard = lastHeard.value;
  return (
    <section class={`card hero ${layout}`} aria-label={m.verdict}>
      <div class="row hero-led">
        <span class={`bigled ${light}`}>
          <Icon name={icon} size={26} />
        </span>
        <div>
          <div class={`hero-t ${light}`} data-verdict={light}>
            {word}
          </div>
          {monitors.length > 0 && <AnswerCount monitors={monitors} />}
          <div class="sub tn">{heard === null ? m.noUpdateYet : m.lastUpdate(hhmmss(heard))}</div>
        </div>
      </div>
      {around !== undefined && monitors.length > 0 && <UptimePart around={around} monitors={monitors} />}
      {around !== undefined && people !== null && <UsersPart around={around} data={people} />}
      <div class="hero-why">
        <Explanation />
      </div>
      <div class="counts">
        {(['critical', 'silent', 'warning', 'ok'] as const).map((status) => (
          <Count key={status} status={status} />
        ))}
      </div>
    </section>
  );
}
