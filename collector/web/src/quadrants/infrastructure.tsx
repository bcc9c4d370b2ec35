// Infrastructure: CPU and memory of what a hosting provider runs, or of the hosts that have agents.

import { useMemo } from 'preact/hooks';

import { api } from '../api/client';
import { configured, type Infra, type InfraTarget, type IntegrationsAnswer } from '../api/outside';
import { outside } from '../api/outside-client';
import type { ChartSpec } from '../chart/spec';
import { bytes, num, pct, rate, short } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import { machines, type Resource } from '../live/fleet';
import { now } from '../live/feed';
import { OutsideCard } from '../outside/card';
import type { Connect } from '../outside/notes';
import { LazyChart } from '../chart/lazy';
import {
  EVERY,
  HOUR_STEP_MS,
  lastHour,
  meanColumn,
  onGrid,
  resourceOf,
  useHour,
  useStable,
  type Hour,
} from '../outside/source';
import { kindTitle } from '../outside/states';
import { worstFirst } from '../overview/hosts';
import { chartData, line, type Column } from '../requests/charts';
import { href } from '../state/route';
import { Icon } from '../ui/icon';
import { level, Meter, StatusIcon } from '../ui/parts';

const SHOWN = 4;
const HEIGHT = 150;

export function hostingConnect(): Connect {
  return { kind: 'cloudwatch', title: 'AWS CloudWatch', text: t.value.emptyHosting, icon: 'server' };
}

function spec(): ChartSpec {
  const m = t.value;
  return {
    key: 'q-infra',
    title: m.infrastructure,
    metrics: [],
    lines: [{ ...line(1, 'cpu', m.cpu, '--s1', 'line'), isFilled: true }, line(2, 'memory', m.memory, '--s2', 'line')],
    axis: (value) => pct(value, 0),
    value: (value) => pct(value),
    atLeast: 0.9,
    height: HEIGHT,
    isStill: true,
  };
}

function Lines({ cpu, memory, span }: { cpu: Column; memory: Column; span: Hour }) {
  const drawn = useMemo(spec, [lang.value]);
  const data = useMemo(() => chartData([cpu, memory], span, HOUR_STEP_MS, false), [cpu, memory, span]);
  return (
    <div class="pad-x">
      <LazyChart isBare spec={drawn} data={data} failure={null} onRetry={() => undefined} />
    </div>
  );
}

function Share({ ratio, text }: { ratio: number | null; text?: string }) {
  return (
    <span class="row sharecell">
      <span class="sharebar d-only">
        <Meter ratio={ratio} mini />
      </span>
      <span class={`amount ${level(ratio)}`}>{text ?? (ratio === null ? t.value.none : pct(ratio, 0))}</span>
    </span>
  );
}

function Target({ target }: { target: InfraTarget }) {
  const m = t.value;
  const { cpu_used: used, cpu_limit: limit } = target;
  const network = [target.network_in, target.network_out].map((value) => (value === null ? m.none : rate(value)));
  const memory =
    target.memory_ratio === null && target.memory_used !== null ? { text: bytes(target.memory_used) } : undefined;
  return (
    <tr>
      <td class="ell max" title={target.reason ?? `${target.name} · ${target.kind}`}>
        <span class="strong">{target.name}</span>
        <span class="sub"> {target.reason ?? target.kind}</span>
      </td>
      <td class="n">
        <Share
          ratio={target.cpu_ratio}
          {...(target.cpu_ratio === null && used !== null
            ? { text: `${short(used)}${limit === null ? '' : ` / ${num(limit)}`}` }
            : {})}
        />
      </td>
      <td class="n">
        <Share ratio={target.memory_ratio} {...memory} />
      </td>
      <td class="n muted m-hide">{network.join(' / ')}</td>
    </tr>
  );
}

function Head({ first }: { first: string }) {
  const m = t.value;
  return (
    <thead>
      <tr>
        <th scope="col">{first}</th>
        <th scope="col" class="n">
          {m.cpu}
        </th>
        <th scope="col" class="n">
          {m.memory}
        </th>
        <th scope="col" class="n m-hide">
          {`${m.lineIn} / ${m.lineOut}`}
        </th>
      </tr>
    </thead>
  );
}

function Provider({ data, resources }: { data: Partial<Infra>; resources: readonly number[] }) {
  const m = t.value;
  const hour = useHour(['hosting.cpu.utilization', 'hosting.memory.utilization'], resources).data;
  const lines = useMemo(() => {
    const of = (metric: string) => meanColumn((hour?.series ?? []).filter((one) => one.metric === metric));
    return { cpu: of('hosting.cpu.utilization'), memory: of('hosting.memory.utilization') };
  }, [hour]);
  const minute = Math.floor(now.value / HOUR_STEP_MS);
  const span = useMemo(() => hour ?? lastHour(), [hour, minute]);
  const targets = data.targets ?? [];
  return (
    <>
      <Lines span={span} {...lines} />
      {targets.length === 0 ? (
        <p class="pad sub">{m.noTargets}</p>
      ) : (
        <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.infrastructure)}>
          <table class="tbl tight end">
            <Head first={m.target} />
            <tbody>
              {[...targets]
                .sort((a, b) => (b.cpu_ratio ?? -1) - (a.cpu_ratio ?? -1))
                .slice(0, SHOWN)
                .map((target) => (
                  <Target key={`${target.kind} ${target.name}`} target={target} />
                ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Host({ resource }: { resource: Resource }) {
  const m = t.value;
  const { status, latest } = resource.live.value;
  const network = [latest.network_in, latest.network_out].map((value) => (value === null ? m.none : rate(value)));
  return (
    <tr>
      <td class="ell max">
        <span class="row">
          <StatusIcon status={status} size={14} />
          <a class="plain ell strong" href={href(`/resource/${resource.id}`)}>
            {resource.row.value.name}
          </a>
        </span>
      </td>
      <td class="n">
        <Share ratio={latest.cpu_ratio} />
      </td>
      <td class="n">
        <Share ratio={latest.memory_ratio} />
      </td>
      <td class="n muted m-hide">{network.join(' / ')}</td>
    </tr>
  );
}

/** The hosts that have agents, for those without a provider. */
function OwnHosts() {
  const m = t.value;
  const history = useAnswer('own hosts', EVERY.line, (signal) => api.history(60, signal)).data;
  const hosts = machines.value;
  const ids = hosts.map(({ id }) => id).join();
  const lines = useMemo(() => {
    const known = new Set(hosts.map(({ id }) => id));
    const series = (history?.series ?? []).filter(({ resource }) => known.has(resource));
    const mean = (of: 'cpu_ratio' | 'memory_ratio') =>
      meanColumn(series.map((one) => ({ points: [...onGrid(one[of], HOUR_STEP_MS)] })));
    return { cpu: mean('cpu_ratio'), memory: mean('memory_ratio') };
  }, [history, ids]);
  const minute = Math.floor(now.value / HOUR_STEP_MS);
  const span = useMemo(lastHour, [history, minute]);
  return (
    <>
      <Lines span={span} {...lines} />
      <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.infrastructure)}>
        <table class="tbl tight end">
          <Head first={m.kindHost} />
          <tbody>
            {[...hosts]
              .sort(worstFirst)
              .slice(0, SHOWN)
              .map((resource) => (
                <Host key={resource.id} resource={resource} />
              ))}
          </tbody>
        </table>
      </div>
      <p class="pad sub own-note">
        <Icon name="info" size={13} />
        {m.ownHostsNote}
      </p>
    </>
  );
}

export function Infrastructure({ integrations }: { integrations: IntegrationsAnswer | null }) {
  const m = t.value;
  const answer = useAnswer('infra', EVERY.snapshot, (signal) => outside.infra(null, signal));
  const data = configured(answer.data);
  const resources = useStable(data === null ? [] : resourceOf(integrations, data.kind, data.instance));
  const title = data?.provider === undefined ? m.infrastructure : `${m.infrastructure} · ${data.provider}`;
  const hosts = machines.value.length;
  return (
    <OutsideCard
      id="q-infra"
      title={title}
      connect={hostingConnect()}
      answer={answer}
      height={340}
      isFlush
      source={({ kind, targets }) => (targets == null ? kindTitle(kind) : m.hostingTargets(targets.length))}
      fallback={hosts === 0 ? undefined : <OwnHosts />}
      {...(hosts === 0 ? {} : { fallbackSource: m.ownHosts(hosts) })}
    >
      {(found) => <Provider data={found} resources={resources} />}
    </OutsideCard>
  );
}
