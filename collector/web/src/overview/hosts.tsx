// One card a host: its status, three meters, two trends, and the worst of what runs inside.

import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

import { bytes, cores, pct, rate } from '../i18n/format';
import { t } from '../i18n/index';
import { children, machines, rank, type Resource } from '../live/fleet';
import { changeOf, want } from '../live/compare';
import { now } from '../live/feed';
import { href } from '../state/route';
import { ChangeMark } from '../ui/change';
import { Icon } from '../ui/icon';
import { level, Meter, StatusIcon, Trend } from '../ui/parts';
import { reasonsText, staleness } from '../ui/reasons';

const INSIDE_SHOWN = 3;

/** How heavily a resource uses what it may use: the larger of its shares of CPU and memory. */
export function usage(resource: Resource): number {
  const { latest } = resource.live.value;
  return Math.max(latest.cpu_ratio ?? -1, latest.memory_ratio ?? -1);
}

export function worstFirst(a: Resource, b: Resource): number {
  return rank(a.live.value.status) - rank(b.live.value.status) || usage(b) - usage(a) || a.id - b.id;
}

function Share({
  label,
  ratio,
  resource,
  column,
}: {
  label: string;
  ratio: number | null;
  resource: Resource;
  column?: 0 | 1;
}) {
  const state = level(ratio);
  return (
    <div class="share">
      <div class="row sub">
        <span class="grow">{label}</span>
        <b class={`tn ${state}`}>{ratio === null ? t.value.none : pct(ratio, 0)}</b>
      </div>
      <Meter ratio={ratio} mini />
      {column === undefined ? null : <Trend resource={resource} column={column} />}
      {column === undefined ? null : (
        <ChangeMark change={changeOf([resource.id], column === 0 ? 'cpu' : 'memory').value} isShort />
      )}
    </div>
  );
}

function Inside({ resource }: { resource: Resource }) {
  const { status, latest } = resource.live.value;
  return (
    <li class="row">
      <StatusIcon status={status} size={14} />
      <a class="grow ell" href={href(`/resource/${resource.id}`)}>
        {resource.row.value.name}
      </a>
      <span class="sub tn">{latest.cpu_ratio === null ? t.value.none : `CPU ${pct(latest.cpu_ratio, 0)}`}</span>
      <span class="sub tn">{latest.memory_used === null ? t.value.none : bytes(latest.memory_used)}</span>
    </li>
  );
}

function HostCard({ resource }: { resource: Resource }) {
  const m = t.value;
  const row = resource.row.value;
  const { status, latest } = resource.live.value;
  const inside = (children.value.get(resource.id) ?? []).filter((child) => child.live.value.status !== 'ended');
  const worst = [...inside].sort(worstFirst).slice(0, INSIDE_SHOWN);
  const stale = staleness(resource);
  const minute = Math.floor(now.value / 60_000);
  useEffect(() => want([resource.id]), [resource.id, minute]);
  const size = [
    latest.cpu_limit === null ? null : m.cores(cores(latest.cpu_limit), latest.cpu_limit === 1),
    latest.memory_limit === null ? null : bytes(latest.memory_limit),
  ].filter(Boolean);
  return (
    <section class={`card host ${stale === null ? '' : 'stale'}`} aria-label={row.name} data-resource={row.id}>
      <div class="row">
        <StatusIcon status={status} />
        <h3 class="ell">
          <a href={href(`/resource/${row.id}`)} class="plain">
            {row.name}
          </a>
        </h3>
        <span class="sub end">{stale === null ? size.join(' · ') : m.staleFor(stale)}</span>
      </div>
      {status !== 'ok' && <p class="sub host-why">{reasonsText(resource)}</p>}
      <div class={`shares ${stale === null ? '' : 'dimv'}`}>
        <Share label={m.cpu} ratio={latest.cpu_ratio} resource={resource} column={0} />
        <Share label={m.memory} ratio={latest.memory_ratio} resource={resource} column={1} />
        <Share label={m.disk} ratio={latest.disk_ratio} resource={resource} />
      </div>
      <div class="row sub tn host-net">
        <Icon name="net" size={12} />
        {latest.network_in === null && latest.network_out === null
          ? m.none
          : m.inOut(rate(latest.network_in ?? 0), rate(latest.network_out ?? 0))}
      </div>
      {inside.length > 0 && (
        <ul class="inside">
          {worst.map((child) => (
            <Inside key={child.id} resource={child} />
          ))}
          {inside.length > INSIDE_SHOWN && <li class="sub faint">{m.inside(inside.length)}</li>}
        </ul>
      )}
    </section>
  );
}

/** The order is by name: a card never changes places while somebody looks. */
export function HostCards({ children: others }: { children: ComponentChildren }) {
  const list = [...machines.value].sort((a, b) => a.row.value.name.localeCompare(b.row.value.name));
  return (
    <div class="hostg">
      {list.map((resource) => (
        <HostCard key={resource.id} resource={resource} />
      ))}
      {others}
    </div>
  );
}
