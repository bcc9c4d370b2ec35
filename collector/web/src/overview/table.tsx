// Every resource in one table: worst first, filtered by text and kind, sorted by any column, walked with J and K.
//
// The order holds while figures change; it is made anew when a status changes, when something comes or goes, and when
// the reader asks for it. Beyond two hundred rows only those on screen are in the document.

import { computed, signal, untracked } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import type { Kind, Latest } from '../api/types';
import { bytesOf, cores, millis, num, pct, rate, short } from '../i18n/format';
import { t } from '../i18n/index';
import { fleet, type Resource } from '../live/fleet';
import { matches } from '../shell/find';
import { mayAddAgents } from '../state/roles';
import { go, href, param, setParams } from '../state/route';
import { isService } from '../state/scope';
import { singleKeys } from '../state/prefs';
import { Icon } from '../ui/icon';
import { Empty, kindWord, level, resourceIcon, resourceWord, StatusIcon, Trend } from '../ui/parts';
import { endedAge, reasonsText, staleness } from '../ui/reasons';
import { failing, slowness } from '../requests/figures';
import { worstFirst } from './hosts';

type Sort = 'worst' | 'name' | 'host' | 'cpu' | 'memory' | 'throttled' | 'disk' | 'network';
const SORTS: readonly Sort[] = ['worst', 'name', 'host', 'cpu', 'memory', 'throttled', 'disk', 'network'];
const KINDS: readonly Kind[] = ['host', 'container', 'unit', 'service', 'external'];

const ROW_PX = 37;
const ALL_BELOW = 200;
const AROUND = 20;

const window_ = signal({ from: 0, to: ALL_BELOW });
const chosen = signal(-1);

const filter = computed(() => param('q') ?? '');
const kind = computed<Kind | null>(() => KINDS.find((k) => k === param('kind')) ?? null);
const sort = computed(() => {
  const text = param('sort') ?? 'worst';
  const key = SORTS.find((s) => s === text.replace('-', '')) ?? 'worst';
  return { key, isReversed: text.startsWith('-') };
});

function parentName(resource: Resource): string {
  const { parent } = resource.row.peek();
  return parent === null ? '' : (fleet.peek().get(parent)?.row.peek().name ?? '');
}

function traffic(resource: Resource): number | null {
  const { network_in: input, network_out: output } = resource.live.value.latest;
  return input === null && output === null ? null : (input ?? 0) + (output ?? 0);
}

function byNumber(of: (resource: Resource) => number | null) {
  return (a: Resource, b: Resource) => (of(b) ?? -1) - (of(a) ?? -1) || a.id - b.id;
}

const ORDERS: Record<Sort, (a: Resource, b: Resource) => number> = {
  worst: worstFirst,
  name: (a, b) => a.row.peek().name.localeCompare(b.row.peek().name),
  host: (a, b) => parentName(a).localeCompare(parentName(b)) || worstFirst(a, b),
  cpu: byNumber((r) => r.live.value.latest.cpu_ratio),
  memory: byNumber((r) => r.live.value.latest.memory_ratio),
  throttled: byNumber((r) => r.live.value.latest.throttled_ratio),
  disk: byNumber((r) => r.live.value.latest.disk_ratio),
  network: byNumber(traffic),
};

/** Changes exactly when the order may change by itself. */
const statuses = computed(() => [...fleet.value.values()].map((r) => `${r.id}${r.live.value.status}`).join());

export const rows = computed(() => {
  void statuses.value;
  const { key, isReversed } = sort.value;
  const wanted = kind.value;
  const query = filter.value;
  const list = [...fleet.value.values()].filter(
    (r) => (wanted === null || r.row.value.kind === wanted) && matches(r, query),
  );
  // Figures are read without subscribing: they move every second, the order must not.
  const order = untracked(() => list.sort(ORDERS[key]));
  return isReversed ? order.reverse() : order;
});

function Head({ id, text, class: extra = '' }: { id: Sort; text: string; class?: string }) {
  const { key, isReversed } = sort.value;
  const isOn = key === id;
  const isUp = isReversed !== (id === 'name' || id === 'host');
  return (
    <th scope="col" class={extra} aria-sort={isOn ? (isUp ? 'ascending' : 'descending') : undefined}>
      <button onClick={() => setParams({ sort: isOn && !isReversed ? `-${id}` : id }, true)}>
        {text}
        {isOn && <Icon name={isUp ? 'up' : 'down'} size={11} />}
      </button>
    </th>
  );
}

function Ratio({ ratio, detail }: { ratio: number | null; detail: string | null }) {
  if (ratio === null && detail === null) return <span class="faint">—</span>;
  return (
    <>
      {detail !== null && <span class="faint detail m-hide">{detail}</span>}
      <b class={`share-n ${level(ratio)}`}>{ratio === null ? '—' : pct(ratio, 0)}</b>
    </>
  );
}

function Row({ resource, isChosen }: { resource: Resource; isChosen: boolean }) {
  const row = resource.row.value;
  const { status, latest: l } = resource.live.value;
  const stale = staleness(resource);
  const ended = endedAge(resource);
  const parent = row.parent === null ? undefined : fleet.value.get(row.parent);
  const self = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    if (isChosen) self.current?.scrollIntoView({ block: 'nearest' });
  }, [isChosen]);
  return (
    <tr
      ref={self}
      aria-selected={isChosen}
      class={stale === null && ended === null ? '' : 'dimv'}
      data-resource={row.id}
    >
      <td>
        <span class="row name">
          <StatusIcon status={status} size={15} />
          <a class="ell" href={href(`/resource/${row.id}`)} title={status === 'ok' ? row.key : reasonsText(resource)}>
            {row.name}
          </a>
          {row.kind === 'external' && (
            <span class="faint m-only" title={resourceWord(row)}>
              <Icon name={resourceIcon(row)} size={14} />
              <span class="sr">{resourceWord(row)}</span>
            </span>
          )}
          <span class="faint m-hide kind">
            {ended !== null ? t.value.endedFor(ended) : stale !== null ? t.value.staleFor(stale) : resourceWord(row)}
          </span>
        </span>
      </td>
      <td class="muted m-hide ell">{parent?.row.value.name ?? ''}</td>
      {isService(resource) ? <ServiceCells latest={l} /> : <MachineCells resource={resource} />}
    </tr>
  );
}

/** What a service does stands where others have what they use. */
function ServiceCells({ latest: l }: { latest: Latest }) {
  const m = t.value;
  const p95 = l.p95 === null ? null : l.p95 * 1000;
  return (
    <>
      <td class="n">
        {l.request_rate === null ? (
          <span class="faint">—</span>
        ) : (
          <>
            <b class="share-n">{short(l.request_rate)}</b>
            <span class="faint"> {m.requestsPerSecond}</span>
          </>
        )}
      </td>
      <td class="m-hide trend" />
      <td class="n">
        {p95 === null ? (
          <span class="faint">—</span>
        ) : (
          <>
            <span class="faint">P95 </span>
            <b class={`share-n ${slowness(p95)}`}>{millis(p95)}</b>
          </>
        )}
      </td>
      <td class="m-hide trend" />
      <td class={`n m-hide ${failing(l.error_ratio) || 'muted'}`}>
        {l.error_ratio === null ? '—' : m.errorsShare(pct(l.error_ratio))}
      </td>
      <td class="n m-hide muted">—</td>
      <td class="n m-hide muted">—</td>
    </>
  );
}

function MachineCells({ resource }: { resource: Resource }) {
  const { latest: l } = resource.live.value;
  const cpu =
    l.cpu_used === null ? null : `${short(l.cpu_used)}${l.cpu_limit === null ? '' : ` / ${cores(l.cpu_limit)}`}`;
  const memory = l.memory_used === null || l.memory_limit === null ? null : bytesOf(l.memory_used, l.memory_limit);
  const flow = traffic(resource);
  return (
    <>
      <td class="n">
        <Ratio ratio={l.cpu_ratio} detail={cpu} />
      </td>
      <td class="m-hide trend">
        <Trend resource={resource} column={0} />
      </td>
      <td class="n">
        <Ratio ratio={l.memory_ratio} detail={memory} />
      </td>
      <td class="m-hide trend">
        <Trend resource={resource} column={1} />
      </td>
      <td class={`n m-hide ${(l.throttled_ratio ?? 0) > 0.1 ? 'warn' : 'muted'}`}>
        {l.throttled_ratio === null ? '—' : pct(l.throttled_ratio)}
      </td>
      <td class={`n m-hide ${level(l.disk_ratio) || 'muted'}`} title={l.disk_mount ?? undefined}>
        {l.disk_ratio === null ? '—' : pct(l.disk_ratio, 0)}
      </td>
      <td class="n muted m-hide">{flow === null ? '—' : rate(flow)}</td>
    </>
  );
}

function Filters() {
  const m = t.value;
  const words: Record<Kind, string> = {
    host: m.kindHosts,
    container: m.kindContainers,
    unit: m.kindUnits,
    service: m.kindServices,
    external: m.kindExternals,
  };
  const present = KINDS.filter((k) => [...fleet.value.values()].some((r) => r.row.value.kind === k));
  return (
    <span class="row filters">
      <span class="in">
        <Icon name="filter" size={14} />
        <input
          type="search"
          placeholder={m.filter}
          aria-label={m.filter}
          value={filter.value}
          onInput={(event) => setParams({ q: event.currentTarget.value }, true)}
        />
      </span>
      {present.length > 1 && (
        <span class="seg">
          <button aria-pressed={kind.value === null} onClick={() => setParams({ kind: null }, true)}>
            {m.all}
          </button>
          {present.map((k) => (
            <button key={k} aria-pressed={kind.value === k} onClick={() => setParams({ kind: k }, true)}>
              {words[k]}
            </button>
          ))}
        </span>
      )}
    </span>
  );
}

/** J and K walk, Enter opens; never while typing. */
function onListKey(event: KeyboardEvent): void {
  if (!singleKeys.peek() || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target as HTMLElement;
  if (target.closest('input, textarea, select') || document.querySelector('dialog[open]')) return;
  const list = rows.peek();
  const key = event.key.toLowerCase();
  if (key === 'j') chosen.value = Math.min(list.length - 1, chosen.peek() + 1);
  else if (key === 'k') chosen.value = Math.max(0, chosen.peek() - 1);
  else if (key === 'enter' && !target.closest('a, button')) {
    const resource = list[chosen.peek()];
    if (resource) go(`/resource/${resource.id}`);
  } else return;
  event.preventDefault();
}

function place(body: HTMLElement): void {
  const top = -body.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor(top / ROW_PX) - AROUND);
  const from = first - (first % 10);
  const to = from + Math.ceil(innerHeight / ROW_PX) + 2 * AROUND + 10;
  const old = window_.peek();
  if (old.from !== from || old.to !== to) window_.value = { from, to };
}

export function FleetTable() {
  const m = t.value;
  const body = useRef<HTMLTableSectionElement>(null);
  const list = rows.value;
  const isWindowed = list.length > ALL_BELOW;
  useEffect(() => {
    addEventListener('keydown', onListKey);
    const onScroll = () => body.current && place(body.current);
    addEventListener('scroll', onScroll, { passive: true });
    onScroll();
    return () => {
      removeEventListener('keydown', onListKey);
      removeEventListener('scroll', onScroll);
      chosen.value = -1;
    };
  }, []);
  const seen = isWindowed ? window_.value : { from: 0, to: list.length };
  // J may walk beyond the window.
  const from = isWindowed && chosen.value >= 0 ? Math.min(seen.from, chosen.value) : seen.from;
  const to = isWindowed ? Math.max(seen.to, chosen.value + 1) : seen.to;
  const isFiltered = filter.value !== '' || kind.value !== null;
  return (
    <section class="card" aria-labelledby="fleet">
      <header class="wrap">
        <h2 id="fleet">{m.resources}</h2>
        <span class="src">
          {isFiltered ? m.countShown(list.length, fleet.value.size) : m.countResources(fleet.value.size)}
        </span>
        <span class="end">
          <Filters />
          {mayAddAgents() && (
            <a class="btn sm" href={href('/add-agent')}>
              <Icon name="plus" size={14} />
              {m.addAgent}
            </a>
          )}
        </span>
      </header>
      <div class="b flush">
        {list.length === 0 ? (
          <Empty icon="filter" title={m.filterNone(filter.value || (kind.value === null ? '' : kindWord(kind.value)))}>
            <button class="btn sm" onClick={() => setParams({ q: null, kind: null }, true)}>
              {m.filterClear}
            </button>
          </Empty>
        ) : (
          <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.resources)}>
            <table class="tbl end fleet" aria-rowcount={list.length + 1}>
              <thead>
                <tr>
                  <Head id="name" text={m.colName} />
                  <Head id="host" text={m.colHost} class="m-hide" />
                  <Head id="cpu" text={m.colCpu} class="n" />
                  <th class="m-hide" aria-hidden="true" />
                  <Head id="memory" text={m.colMemory} class="n" />
                  <th class="m-hide" aria-hidden="true" />
                  <Head id="throttled" text={m.colThrottled} class="n m-hide" />
                  <Head id="disk" text={m.colDisk} class="n m-hide" />
                  <Head id="network" text={m.colNetwork} class="n m-hide" />
                </tr>
              </thead>
              <tbody ref={body}>
                {from > 0 && <tr class="spacer" style={{ height: `${from * ROW_PX}px` }} />}
                {list.slice(from, to).map((resource, i) => (
                  <Row key={resource.id} resource={resource} isChosen={from + i === chosen.value} />
                ))}
                {to < list.length && <tr class="spacer" style={{ height: `${(list.length - to) * ROW_PX}px` }} />}
              </tbody>
            </table>
          </div>
        )}
      </div>
      <footer class="d-only">
        <span class="grow">{sort.value.key === 'worst' ? m.tableHint : ''}</span>
        {sort.value.key !== 'worst' && (
          <button class="btn sm ghost" onClick={() => setParams({ sort: null }, true)}>
            {m.tableHint.split('.')[0]}
          </button>
        )}
        <span class="tn">{num(list.length)}</span>
      </footer>
    </section>
  );
}
