// The head of a resource's page: name, status and why, what it is, and its key figures.

import type { Latest } from '../api/types';
import { bytes, bytesParts, cores, num, pct, pctNumber, rate, short, span } from '../i18n/format';
import { t } from '../i18n/index';
import { fleet, type Resource } from '../live/fleet';
import { AgentLine } from '../overview/completeness';
import { href, hrefWith } from '../state/route';
import { isService } from '../state/scope';
import { Icon } from '../ui/icon';
import { Kpi } from '../ui/kpi';
import { ServiceFigures } from './service-figures';
import type { ResourceSource } from './source';
import { Badge, level, Meter, resourceIcon, resourceWord } from '../ui/parts';
import { endedAge, reasonsText, staleness } from '../ui/reasons';

/** Attributes that the header already says in another way. */
const SAID = new Set(['host.name', 'farol.cpu.limit.source', 'farol.memory.limit.source']);
const VALUE_MAX = 40;

function Tags({ resource }: { resource: Resource }) {
  const m = t.value;
  const row = resource.row.value;
  const { uptime } = resource.live.value.latest;
  const parent = row.parent === null ? undefined : fleet.value.get(row.parent);
  const { attributes } = row;
  const cpuSource = attributes['farol.cpu.limit.source'];
  const memorySource = attributes['farol.memory.limit.source'];
  return (
    <ul class="tags">
      {parent && (
        <li class="tag">
          <Icon name="server" size={12} />
          <a href={href(`/resource/${parent.id}`)}>{parent.row.value.name}</a>
        </li>
      )}
      <li class="tag">{resourceWord(row)}</li>
      {uptime !== null && <li class="tag tn">{m.upFor(span(uptime * 1000))}</li>}
      {cpuSource !== undefined && <li class="tag">{m.limitSource(m.cpuLimit, cpuSource)}</li>}
      {memorySource !== undefined && <li class="tag">{m.limitSource(m.memoryLimit, memorySource)}</li>}
      {Object.entries(attributes)
        .filter(([key, value]) => !SAID.has(key) && value !== row.name)
        .map(([key, value]) => (
          <li class="tag" key={key} title={`${key}=${value}`}>
            <span class="faint">{key}</span>
            {value.length > VALUE_MAX ? `${value.slice(0, VALUE_MAX)}…` : value}
          </li>
        ))}
    </ul>
  );
}

function CpuKpi({ latest: l, title }: { latest: Latest; title: string | undefined }) {
  const m = t.value;
  return (
    <Kpi
      label={m.cpu}
      value={l.cpu_used === null ? m.none : short(l.cpu_used)}
      {...(l.cpu_limit === null ? {} : { unit: m.coresOf(cores(l.cpu_limit)) })}
      note={l.cpu_ratio === null ? m.notMeasured : m.ofLimit(pct(l.cpu_ratio))}
      state={level(l.cpu_ratio)}
      title={title}
    >
      <Meter ratio={l.cpu_ratio} mini />
    </Kpi>
  );
}

function MemoryKpi({ latest: l, title }: { latest: Latest; title: string | undefined }) {
  const m = t.value;
  const [value, unit] = l.memory_used === null ? [m.none, ''] : bytesParts(l.memory_used);
  const note =
    l.memory_ratio === null || l.memory_limit === null
      ? m.notMeasured
      : m.percentOf(pct(l.memory_ratio), bytes(l.memory_limit));
  return (
    <Kpi label={m.memory} value={value} unit={unit} note={note} state={level(l.memory_ratio)} title={title}>
      <Meter ratio={l.memory_ratio} mini />
    </Kpi>
  );
}

function NetworkKpi({ latest: l }: { latest: Latest }) {
  const m = t.value;
  if (l.network_in === null && l.network_out === null) {
    return <Kpi label={m.network} value={m.none} note={m.notMeasured} />;
  }
  const [value, unit] = bytesParts((l.network_in ?? 0) + (l.network_out ?? 0));
  const parts = m.inOut(rate(l.network_in ?? 0), rate(l.network_out ?? 0));
  return <Kpi label={m.network} value={value} unit={`${unit}/s`} note={parts} title={parts} />;
}

export function KeyFigures({ resource }: { resource: Resource }) {
  const m = t.value;
  const { attributes } = resource.row.value;
  const l = resource.live.value.latest;
  const source = (what: string, key: string) =>
    attributes[key] === undefined ? undefined : m.limitSource(what, attributes[key]);
  const percent = (value: number | null) =>
    value === null ? { value: m.none } : { value: pctNumber(value), unit: '%' };
  return (
    <div class="kpis">
      <CpuKpi latest={l} title={source(m.cpuLimit, 'farol.cpu.limit.source')} />
      <MemoryKpi latest={l} title={source(m.memoryLimit, 'farol.memory.limit.source')} />
      {l.throttled_ratio !== null && (
        <Kpi
          label={m.throttled}
          {...percent(l.throttled_ratio)}
          note={m.ofPeriods}
          state={l.throttled_ratio > 0.1 ? 'warn' : ''}
        />
      )}
      <Kpi
        label={m.pressureCpu}
        {...percent(l.pressure_cpu)}
        note={l.pressure_cpu === null ? m.notMeasured : m.psiSome}
      />
      {l.disk_ratio !== null && (
        <Kpi label={m.diskFullest} {...percent(l.disk_ratio)} note={l.disk_mount ?? ''} state={level(l.disk_ratio)}>
          <Meter ratio={l.disk_ratio} mini />
        </Kpi>
      )}
      <NetworkKpi latest={l} />
      <Kpi
        label={m.oomKills}
        value={l.oom_kills === null ? m.none : num(l.oom_kills)}
        note={l.oom_kills === null ? m.notMeasured : m.oomSince}
        state={(l.oom_kills ?? 0) > 0 ? 'warn' : ''}
      />
    </div>
  );
}

/** From a service to the pages that tell more of it. */
function ServiceLinks({ resource }: { resource: Resource }) {
  const m = t.value;
  const own = { service: String(resource.id) };
  return (
    <p class="row wrap links">
      <a href={hrefWith('/requests', own)}>{m.requests}</a>
      <a href={hrefWith('/errors', own)}>{m.errors}</a>
      <a href={hrefWith('/events', own)}>{m.events}</a>
    </p>
  );
}

export function Header({ resource, source }: { resource: Resource; source: ResourceSource }) {
  const m = t.value;
  const row = resource.row.value;
  const { status, reasons } = resource.live.value;
  const stale = staleness(resource);
  const ended = endedAge(resource);
  return (
    <section class={`card ${stale === null ? '' : 'stale'}`} aria-label={row.name}>
      <div class="head">
        <span class="mico">
          <Icon name={resourceIcon(row)} size={18} />
        </span>
        <div class="grow">
          <div class="row wrap">
            <b class="head-n">{row.name}</b>
            <Badge status={status} />
            {reasons.length > 0 && <span class="sub">{reasonsText(resource)}</span>}
            {ended !== null && <span class="sub">{m.endedFor(ended)}</span>}
            {stale !== null && reasons.length === 0 && <span class="sub warn">{m.staleFor(stale)}</span>}
          </div>
          <Tags resource={resource} />
          {isService(resource) ? <ServiceLinks resource={resource} /> : <AgentLine agent={row.agent} />}
        </div>
      </div>
      <div class={stale === null && ended === null ? '' : 'dimv'}>
        {isService(resource) ? (
          <ServiceFigures resource={resource} source={source} />
        ) : (
          <KeyFigures resource={resource} />
        )}
      </div>
    </section>
  );
}
