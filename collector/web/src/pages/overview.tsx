// The overview: is everything well, what is not and why, and every resource there is.

import { useEffect } from 'preact/hooks';

import { address, api } from '../api/client';
import { rangeSpan } from '../i18n/format';
import { t } from '../i18n/index';
import { reload, refresh } from '../live/feed';
import { useSettled } from '../live/answer';
import { fleet, isLoaded, loadHistory } from '../live/fleet';
import { CompletenessCard } from '../overview/completeness';
import { KeyFigures } from '../overview/figures';
import { HostCards } from '../overview/hosts';
import { LateQuadrants } from '../overview/late-quadrants';
import { useAround } from '../outside/overview';
import { FleetTable } from '../overview/table';
import { ServiceCards } from '../overview/services';
import { VerdictCard } from '../overview/verdict';
import { WatchCards } from '../overview/watch';
import { Shell } from '../shell/shell';
import { mayAddAgents } from '../state/roles';
import { href, range } from '../state/route';
import { spanText } from '../time/range';
import { Icon } from '../ui/icon';
import { Command, Empty, Skeleton } from '../ui/parts';

/** Also the default range. */
const TREND_MS = 900_000;

/** Trends end now; a range of the past, brought along from a resource, falls back to the default. */
function useTrends(): void {
  const ms = range.value.kind === 'last' ? range.value.ms : TREND_MS;
  const again = refresh.value;
  const members = [...fleet.value.keys()].join();
  useEffect(() => {
    if (members === '') return;
    const aborter = new AbortController();
    api.history(Math.max(1, Math.round(ms / 60_000)), aborter.signal).then(loadHistory, () => {
      // Without history the sparklines stay empty; figures do not depend on them.
    });
    return () => aborter.abort();
  }, [ms, again, members]);
}

/** The two commands that add a machine, with this collector's own address. */
export function firstCommands(placeholder: string, base: string): [token: string, agent: string] {
  const url = new URL('.', base).href.replace(/\/$/, '');
  return [
    'farol-collector token create my-host',
    `FAROL_COLLECTOR_URL=${url} FAROL_TOKEN=${placeholder} farol-agent run`,
  ];
}

function FirstRun() {
  const m = t.value;
  useEffect(() => {
    const timer = setInterval(() => void reload(), 2_000);
    return () => clearInterval(timer);
  }, []);
  const [token, agent] = firstCommands(m.tokenPlaceholder, address('.'));
  return (
    <section class="card">
      <div class="b first-run">
        <Empty icon="plug" title={m.emptyTitle} text={m.emptyText}>
          {mayAddAgents() && (
            <a class="btn pri" href={href('/add-agent')}>
              <Icon name="plus" size={14} />
              {m.addAgent}
            </a>
          )}
        </Empty>
        {mayAddAgents() ? (
          <>
            <p class="sub">{m.emptyToken}</p>
            <Command text={token} />
            <p class="sub">{m.emptyAgent}</p>
            <Command text={agent} />
          </>
        ) : (
          <p>{m.askAdmin}</p>
        )}
        <p class="row sub" role="status">
          <span class="led pulse unk" />
          {m.emptyWaiting}
        </p>
      </div>
    </section>
  );
}

export function Overview() {
  const m = t.value;
  useTrends();
  const around = useAround();
  const ms = range.value.kind === 'last' ? range.value.ms : TREND_MS;
  const hasOwn = [...fleet.value.values()].some(({ row }) => row.value.kind !== 'external');
  // The first card and what stands below it are as high as what is known of the outside.
  const isSettled = useSettled([around.integrations, around.uptime, around.users]);
  if (!isLoaded.value || !isSettled) {
    return (
      <Shell title={m.overview} ranges="live">
        <Skeleton height={108} />
        <Skeleton height={112} />
        <Skeleton height={320} />
      </Shell>
    );
  }
  return (
    <Shell title={m.overview} ranges="live">
      <VerdictCard around={around} />
      {fleet.value.size === 0 ? (
        <>
          <FirstRun />
          {around.hasAny === true && <LateQuadrants around={around} />}
        </>
      ) : (
        <>
          {hasOwn && <KeyFigures />}
          <LateQuadrants around={around} />
          <h2 class="sr">{`${m.hosts}, ${m.rangeTrend(rangeSpan(spanText(ms)))}`}</h2>
          <HostCards>
            <ServiceCards />
          </HostCards>
          <WatchCards />
          <FleetTable />
          <CompletenessCard />
        </>
      )}
    </Shell>
  );
}
