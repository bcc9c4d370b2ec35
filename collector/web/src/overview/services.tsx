// One card a service: requests a second, share that fails, 95th percentile; lights of what it depends on stand beside.

import { useEffect } from 'preact/hooks';

import { millisParts, pctNumber, short } from '../i18n/format';
import { t } from '../i18n/index';
import { changeOf, want, type PICKS } from '../live/compare';
import { now } from '../live/feed';
import type { Resource } from '../live/fleet';
import { failing, slowness } from '../requests/figures';
import { href, hrefWith } from '../state/route';
import { serviceName, services } from '../state/scope';
import { ChangeMark } from '../ui/change';
import { StatusIcon } from '../ui/parts';
import { reasonsText, staleness } from '../ui/reasons';

/** More services than this are in the table. */
const SHOWN = 8;

interface FigureProps {
  id: number;
  label: string;
  value: string;
  unit: string;
  state?: string;
  figure: keyof typeof PICKS;
}

function Figure({ id, label, value, unit, state = '', figure }: FigureProps) {
  return (
    <div class="sfig">
      <div class="sub">{label}</div>
      <div class={`stat-v ${state}`}>
        {value}
        <small>{unit}</small>
      </div>
      <ChangeMark change={changeOf([id], figure).value} isShort />
    </div>
  );
}

function ServiceCard({ resource }: { resource: Resource }) {
  const m = t.value;
  const { id } = resource;
  const { status, latest } = resource.live.value;
  const stale = staleness(resource);
  const minute = Math.floor(now.value / 60_000);
  useEffect(() => want([id]), [id, minute]);
  const p95 = latest.p95 === null ? null : latest.p95 * 1000;
  const [time, unit] = p95 === null ? [m.none, ''] : millisParts(p95);
  const isIdle = latest.request_rate === null;
  return (
    <section class={`card host ${stale === null ? '' : 'stale'}`} aria-label={serviceName(resource)} data-service={id}>
      <div class="row">
        <StatusIcon status={status} />
        <h3 class="ell">
          <a href={href(`/resource/${id}`)} class="plain">
            {serviceName(resource)}
          </a>
        </h3>
        <span class="sub end">
          {stale === null ? (
            <a href={hrefWith('/requests', { service: String(id) })}>{m.requests}</a>
          ) : (
            m.staleFor(stale)
          )}
        </span>
      </div>
      {status !== 'ok' && <p class="sub host-why">{reasonsText(resource)}</p>}
      <div class={`shares ${stale === null ? '' : 'dimv'}`}>
        <Figure
          id={id}
          label={m.requests}
          value={isIdle ? m.none : short(latest.request_rate ?? 0)}
          unit={isIdle ? '' : '/s'}
          figure="rate"
        />
        <Figure
          id={id}
          label={m.errors}
          value={latest.error_ratio === null ? m.none : pctNumber(latest.error_ratio)}
          unit={latest.error_ratio === null ? '' : '%'}
          state={failing(latest.error_ratio)}
          figure="errors"
        />
        <Figure id={id} label="P95" value={time} unit={unit} state={slowness(p95)} figure="p95" />
      </div>
    </section>
  );
}

export function ServiceCards() {
  return (
    <>
      {services.value
        .filter((one) => one.live.value.status !== 'ended')
        .slice(0, SHOWN)
        .map((resource) => (
          <ServiceCard key={resource.id} resource={resource} />
        ))}
    </>
  );
}
