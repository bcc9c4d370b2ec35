// What else one Redis says of itself: databases, replication, persistence, slow commands, the nodes of a Cluster.

import type { ComponentChildren } from 'preact';

import type { CacheMetrics, CacheNode } from '../api/cache';
import { bytes, millis, num, pct, short, span, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { now } from '../live/feed';
import { Icon } from '../ui/icon';
import { Empty, level, Meter } from '../ui/parts';
import { count } from './figures';
import type { CacheShot } from './source';

interface CardProps {
  id: string;
  title: string;
  sub?: string;
  isTable?: boolean;
  children: ComponentChildren;
}

function Card({ id, title, sub, isTable = false, children }: CardProps) {
  return (
    <section class="card" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {sub !== undefined && <span class="src">{sub}</span>}
      </header>
      <div class={`b ${isTable ? 'flush' : ''}`}>
        {isTable ? (
          <div class="scroll-x" tabIndex={0} role="region" aria-label={t.value.tableOf(title)}>
            {children}
          </div>
        ) : (
          children
        )}
      </div>
    </section>
  );
}

function Databases({ rows }: { rows: NonNullable<CacheMetrics['databases']> }) {
  const m = t.value;
  const total = rows.reduce((sum, row) => sum + row.keys, 0);
  return (
    <Card id="dbs" title={m.cacheDatabases} isTable={rows.length > 0}>
      {rows.length === 0 ? (
        <Empty icon="db" title={m.cacheEmpty} text={m.cacheEmptyText} />
      ) : (
        <table class="tbl tight end">
          <thead>
            <tr>
              <th scope="col">{m.cacheDatabase}</th>
              <th scope="col" class="n">
                {m.cacheKeys}
              </th>
              <th scope="col" class="n">
                {m.cacheShare}
              </th>
              <th scope="col" class="n">
                {m.cacheExpiring}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.db}>
                <td class="mono">db{row.db}</td>
                <td class="n">{num(row.keys)}</td>
                <td class="n muted">{total === 0 ? m.none : pct(row.keys / total)}</td>
                <td class="n muted">
                  {row.expires === null
                    ? m.none
                    : row.keys === 0
                      ? num(row.expires)
                      : `${num(row.expires)} (${pct(row.expires / row.keys, 0)})`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

interface FactProps {
  label: string;
  value: string;
  state?: 'ok' | 'warn' | 'crit' | '';
}

function Fact({ label, value, state = '' }: FactProps) {
  return (
    <div>
      <dt>{label}</dt>
      <dd class={state}>
        {(state === 'crit' || state === 'warn') && <Icon name={state} size={13} />}
        {value}
      </dd>
    </div>
  );
}

function Replication({ of }: { of: NonNullable<CacheMetrics['replication']> }) {
  const m = t.value;
  const isReplica = of.role === 'slave' || of.role === 'replica';
  const role = of.role === null ? m.none : isReplica ? m.cacheReplica : m.cachePrimary;
  return (
    <Card id="replication" title={m.cacheReplication}>
      <dl class="kv">
        <Fact label={m.cacheRole} value={role} />
        {isReplica && (
          <Fact
            label={m.cacheLink}
            value={of.link ?? m.none}
            state={of.link === null || of.link === 'up' ? '' : 'crit'}
          />
        )}
        {!isReplica && <Fact label={m.cacheReplicas} value={count(of.replicas)} />}
        <Fact
          label={m.cacheLag}
          value={of.lag_s === null ? m.none : span(of.lag_s * 1000)}
          state={(of.lag_s ?? 0) > 10 ? 'warn' : ''}
        />
        <Fact label={m.cacheOffset} value={count(of.offset)} />
      </dl>
    </Card>
  );
}

function Persistence({ of }: { of: NonNullable<CacheMetrics['persistence']> }) {
  const m = t.value;
  const good = (status: string | null) => (status === null || status === 'ok' ? '' : 'crit');
  const aof = of.aof_enabled === null ? m.none : of.aof_enabled ? (of.aof_status ?? m.none) : m.cacheOff;
  return (
    <Card id="persistence" title={m.cachePersistence}>
      <dl class="kv">
        <Fact label={m.cacheRdb} value={of.rdb_status ?? m.none} state={good(of.rdb_status)} />
        <Fact label={m.cacheAof} value={aof} state={of.aof_enabled === true ? good(of.aof_status) : ''} />
        <Fact label={m.cacheUnsaved} value={count(of.changes_since_save)} />
        {of.loading === true && <Fact label={m.cacheLoading} value={m.cacheYes} state="warn" />}
      </dl>
    </Card>
  );
}

function SlowLog({ rows }: { rows: NonNullable<CacheMetrics['slow_log']> }) {
  const m = t.value;
  return (
    <Card id="slowlog" title={m.cacheSlowLog} sub={m.cacheSlowLogSub} isTable={rows.length > 0}>
      {rows.length === 0 ? (
        <Empty icon="check" title={m.cacheSlowNone} text={m.cacheSlowNoneText} />
      ) : (
        <table class="tbl tight end">
          <thead>
            <tr>
              <th scope="col">{m.colWhen}</th>
              <th scope="col">{m.cacheCommand}</th>
              <th scope="col" class="n">
                {m.duration}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row, i) => (
              <tr key={`${row.time} ${i}`}>
                <td class="muted tn" title={stamp(row.time)}>
                  {m.ago(span(Math.max(0, now.value - row.time)))}
                </td>
                <td class="mono">{row.command}</td>
                <td class={`n ${row.duration_us >= 100_000 ? 'crit' : ''}`}>{millis(row.duration_us / 1000)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

function NodeRow({ node }: { node: CacheNode }) {
  const m = t.value;
  const ratio = node.used_memory != null && node.maxmemory ? node.used_memory / node.maxmemory : null;
  const isWell = node.state == null || /^(ok|online|connected|up)$/i.test(node.state);
  return (
    <tr>
      <td class="mono">
        <span class="row">
          <span class={`si ${isWell ? 'ok' : 'crit'}`} title={node.state ?? undefined}>
            <Icon name={isWell ? 'check' : 'crit'} size={14} />
            <span class="sr">{node.state ?? ''}</span>
          </span>
          {node.address ?? node.node ?? m.none}
        </span>
      </td>
      <td>{node.role ?? m.none}</td>
      <td class="n">{count(node.keys)}</td>
      <td class="n">
        <span class="row sharecell">
          {ratio !== null && (
            <span class="sharebar d-only">
              <Meter ratio={ratio} mini />
            </span>
          )}
          <span class={`amount ${level(ratio)}`}>{node.used_memory == null ? m.none : bytes(node.used_memory)}</span>
        </span>
      </td>
      <td class="n">{count(node.connected_clients)}</td>
      <td class="n">{node.ops_per_sec == null ? m.none : `${short(node.ops_per_sec)}/s`}</td>
    </tr>
  );
}

function Nodes({ nodes }: { nodes: readonly CacheNode[] }) {
  const m = t.value;
  return (
    <Card id="nodes" title={m.cacheNodes} sub={num(nodes.length)} isTable>
      <table class="tbl tight end">
        <thead>
          <tr>
            <th scope="col">{m.cacheNode}</th>
            <th scope="col">{m.cacheRole}</th>
            <th scope="col" class="n">
              {m.cacheKeys}
            </th>
            <th scope="col" class="n">
              {m.memory}
            </th>
            <th scope="col" class="n">
              {m.cacheClients}
            </th>
            <th scope="col" class="n">
              {m.cacheCommands}
            </th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node, i) => (
            <NodeRow key={node.address ?? node.node ?? i} node={node} />
          ))}
        </tbody>
      </table>
    </Card>
  );
}

/** Parts that could not be read have no card: the note above says which. */
export function CacheTables({ shot }: { shot: CacheShot }) {
  return (
    <>
      {shot.nodes != null && shot.nodes.length > 0 && <Nodes nodes={shot.nodes} />}
      <div class="cachetables">
        {shot.databases != null && <Databases rows={shot.databases} />}
        {shot.replication != null && <Replication of={shot.replication} />}
        {shot.persistence != null && <Persistence of={shot.persistence} />}
      </div>
      {shot.slow_log != null && <SlowLog rows={shot.slow_log} />}
    </>
  );
}
