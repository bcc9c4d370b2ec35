// The key figures of everything together: sums where sums make sense, the worst where they do not, and named so.

import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

import { bytes, bytesParts, cores, pct, pctNumber, rate, short } from '../i18n/format';
import { t } from '../i18n/index';
import { changeOf, want } from '../live/compare';
import { now } from '../live/feed';
import { CPU, fleet, machines, MEMORY, type Resource } from '../live/fleet';
import { href } from '../state/route';
import { ChangeMark } from '../ui/change';
import { Icon, type IconName } from '../ui/icon';
import { level, Meter, Spark } from '../ui/parts';
import { movementText } from './trend';

type Figure = 'cpu_used' | 'cpu_limit' | 'memory_used' | 'memory_limit' | 'network_in' | 'network_out' | 'disk_read' | 'disk_write'; // prettier-ignore

/** Resources that send now; what is silent is not in a sum. */
function speaking(): Resource[] {
  return machines.value.filter((resource) => !['silent', 'ended'].includes(resource.live.value.status));
}

/** All that send now, inside of others or not: for what is compared and not added up. */
function measuring(): Resource[] {
  return [...fleet.value.values()].filter((resource) => !['silent', 'ended'].includes(resource.live.value.status));
}

/** The sum over all that measure it; null when none does. */
export function sum(resources: readonly Resource[], figure: Figure): number | null {
  let total: number | null = null;
  for (const resource of resources) {
    const value = resource.live.value.latest[figure];
    if (value !== null) total = (total ?? 0) + value;
  }
  return total;
}

interface Top {
  resource: Resource;
  value: number;
}

/** The resource with the largest value. */
export function largest(resources: Iterable<Resource>, of: (resource: Resource) => number | null): Top | null {
  let found: Top | null = null;
  for (const resource of resources) {
    const value = of(resource);
    if (value !== null && (found === null || value > found.value)) found = { resource, value };
  }
  return found;
}

interface Trend {
  values: Float64Array;
  /** Milliseconds between two values. */
  step: number;
}

/** Row by row the share of all limits together that was used, from trends on one grid. */
function sharedTrend(column: 0 | 1, limit: 'cpu_limit' | 'memory_limit'): Trend | null {
  let step = 0;
  let used: Float64Array | null = null;
  let limits: Float64Array | null = null;
  for (const resource of speaking()) {
    void resource.trendTick.value;
    const values = resource.trend?.columns[column];
    const weight = resource.live.peek().latest[limit];
    if (!values || weight === null) continue;
    used ??= new Float64Array(values.length);
    limits ??= new Float64Array(values.length);
    if (values.length !== used.length) continue;
    step = resource.trend?.step ?? step;
    for (let row = 0; row < values.length; row += 1) {
      const value = values[row] ?? NaN;
      if (Number.isNaN(value)) continue;
      used[row] = (used[row] ?? 0) + value * weight;
      limits[row] = (limits[row] ?? 0) + weight;
    }
  }
  if (!used || !limits) return null;
  const weights = limits;
  return { values: used.map((value, row) => value / (weights[row] ?? 0)), step };
}

/** Against yesterday, or how it moved while there is no yesterday; and the small chart of the trend. */
function TrendFoot({ trend, figure }: { trend: Trend | null; figure: 'cpu' | 'memory' }) {
  const ids = speaking().map(({ id }) => id);
  const change = changeOf(ids, figure).value;
  return (
    <>
      <div class="sub ell tn">
        {change === null ? trend && movementText(trend.values, trend.step) : <ChangeMark change={change} />}
      </div>
      {trend && <Spark values={trend.values} high={1} />}
    </>
  );
}

interface StatProps {
  icon: IconName;
  label: string;
  value: string;
  unit?: string;
  state?: '' | 'warn' | 'crit';
  /** First and second line below the figure. */
  note?: string;
  children?: ComponentChildren;
  foot?: ComponentChildren;
}

function Stat({ icon, label, value, unit, state = '', note, children, foot }: StatProps) {
  return (
    <section class="card stat" aria-label={label}>
      <div class="lbl-row">
        <Icon name={icon} size={14} />
        {label}
        {state !== '' && (
          <span class={`st ${state}`}>
            <Icon name={state} size={14} />
          </span>
        )}
      </div>
      <div class="stat-v">
        {value}
        {unit !== undefined && <small>{unit}</small>}
      </div>
      {note !== undefined && <div class="sub ell tn">{note}</div>}
      <div class="sub ell tn">{children}</div>
      {foot}
    </section>
  );
}

function Which({ top, text }: { top: Top; text: string }) {
  return (
    <a href={href(`/resource/${top.resource.id}`)} class="plain">
      {text}
    </a>
  );
}

function CpuStat() {
  const m = t.value;
  const used = sum(speaking(), 'cpu_used');
  const limit = sum(speaking(), 'cpu_limit');
  const ratio = used !== null && limit !== null && limit > 0 ? used / limit : null;
  const top = largest(measuring(), (r) => r.live.value.latest.cpu_ratio);
  const trend = sharedTrend(CPU, 'cpu_limit');
  return (
    <Stat
      icon="cpu"
      label={m.cpuAll}
      value={used === null ? m.none : short(used)}
      {...(limit === null ? {} : { unit: m.coresOf(cores(limit)) })}
      {...(ratio === null ? {} : { note: m.ofLimit(pct(ratio)) })}
      state={level(ratio)}
      foot={<TrendFoot trend={trend} figure="cpu" />}
    >
      {top && <Which top={top} text={m.highest(top.resource.row.value.name, pct(top.value, 0))} />}
    </Stat>
  );
}

function MemoryStat() {
  const m = t.value;
  const used = sum(speaking(), 'memory_used');
  const limit = sum(speaking(), 'memory_limit');
  const ratio = used !== null && limit !== null && limit > 0 ? used / limit : null;
  const top = largest(measuring(), (r) => r.live.value.latest.memory_ratio);
  const [value, unit] = used === null ? [m.none, ''] : bytesParts(used);
  const trend = sharedTrend(MEMORY, 'memory_limit');
  return (
    <Stat
      icon="mem"
      label={m.memoryAll}
      value={value}
      unit={unit}
      {...(ratio === null || limit === null ? {} : { note: m.percentOf(pct(ratio), bytes(limit)) })}
      state={level(ratio)}
      foot={<TrendFoot trend={trend} figure="memory" />}
    >
      {top && <Which top={top} text={m.highest(top.resource.row.value.name, pct(top.value, 0))} />}
    </Stat>
  );
}

function DiskStat() {
  const m = t.value;
  const top = largest(measuring(), (r) => r.live.value.latest.disk_ratio);
  return (
    <Stat
      icon="disk"
      label={m.diskWorst}
      value={top ? pctNumber(top.value) : m.none}
      {...(top ? { unit: '%' } : {})}
      state={level(top?.value ?? null)}
      foot={top ? <Meter ratio={top.value} mini /> : null}
    >
      {top && (
        <Which
          top={top}
          text={m.onResource(top.resource.live.value.latest.disk_mount ?? '', top.resource.row.value.name)}
        />
      )}
    </Stat>
  );
}

/** Two rates: their sum large, each of them below. */
interface RateProps {
  icon: IconName;
  label: string;
  a: number | null;
  b: number | null;
  words: [a: string, b: string];
}

function RateStat(props: RateProps) {
  const m = t.value;
  const { a, b } = props;
  const isMissing = a === null && b === null;
  const [value, unit] = isMissing ? [m.none, ''] : bytesParts((a ?? 0) + (b ?? 0));
  return (
    <Stat
      icon={props.icon}
      label={props.label}
      value={value}
      {...(isMissing ? {} : { unit: `${unit}/s`, note: `${props.words[0]} ${a === null ? m.none : rate(a)}` })}
    >
      {!isMissing && `${props.words[1]} ${b === null ? m.none : rate(b)}`}
    </Stat>
  );
}

function PressureStat() {
  const m = t.value;
  const kinds = [
    ['pressure_cpu', m.cpu],
    ['pressure_memory', m.memory],
    ['pressure_io', m.lineIo],
  ] as const;
  let found: (Top & { word: string }) | null = null;
  for (const [key, word] of kinds) {
    const top = largest(measuring(), (r) => r.live.value.latest[key]);
    if (top && (found === null || top.value > found.value)) found = { ...top, word };
  }
  return (
    <Stat
      icon="gauge"
      label={m.pressureWorst}
      value={found ? pctNumber(found.value) : m.none}
      {...(found ? { unit: '%' } : {})}
      foot={null}
    >
      {found && <Which top={found} text={m.onResource(found.word, found.resource.row.value.name)} />}
    </Stat>
  );
}

export function KeyFigures() {
  const m = t.value;
  const all = speaking();
  const minute = Math.floor(now.value / 60_000);
  const ids = all.map(({ id }) => id).join();
  useEffect(() => want(speaking().map(({ id }) => id)), [ids, minute]);
  return (
    <div class="stats" role="group" aria-label={m.keyFigures}>
      <CpuStat />
      <MemoryStat />
      <DiskStat />
      <PressureStat />
      <RateStat
        icon="net"
        label={m.networkAll}
        a={sum(all, 'network_in')}
        b={sum(all, 'network_out')}
        words={[m.lineIn, m.lineOut]}
      />
      <RateStat
        icon="disk"
        label={m.diskIoAll}
        a={sum(all, 'disk_read')}
        b={sum(all, 'disk_write')}
        words={[m.lineRead, m.lineWrite]}
      />
    </div>
  );
}
