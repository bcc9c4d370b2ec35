// The systems around that the collector asks: what is connected and how it does, and how to connect the others.

import type { IntegrationGroup, IntegrationKind, IntegrationsAnswer } from '../api/outside';
import { t } from '../i18n/index';
import { InstanceCard, UnconnectedCard } from '../integrations/cards';
import { ConnectDialog } from '../integrations/connect';
import { EVERY, useIntegrations } from '../outside/source';
import { Shell } from '../shell/shell';
import { param, setParams } from '../state/route';
import { Failed } from '../ui/card';
import { Empty, Skeleton } from '../ui/parts';

const ORDER: readonly IntegrationGroup[] = ['code', 'cache', 'queues', 'infrastructure', 'uptime', 'users', 'database'];

function groupWord(group: IntegrationGroup): string {
  const m = t.value;
  const words: Record<string, string> = {
    code: m.groupCode,
    cache: m.groupCache,
    queues: m.groupQueues,
    infrastructure: m.groupInfrastructure,
    uptime: m.groupUptime,
    users: m.groupUsers,
    database: m.groupDatabase,
  };
  return words[group] ?? group;
}

/** Kinds in the order of their groups; one that this page does not know comes last. */
function inOrder({ kinds }: IntegrationsAnswer): IntegrationKind[] {
  const rank = ({ group }: IntegrationKind) => (ORDER.includes(group) ? ORDER.indexOf(group) : ORDER.length);
  return [...kinds].sort((a, b) => rank(a) - rank(b));
}

function Connected({ kinds }: { kinds: readonly IntegrationKind[] }) {
  const m = t.value;
  if (kinds.length === 0) return null;
  return (
    <section class="intg-g" aria-labelledby="connected">
      <h2 id="connected">{m.connectedOnes}</h2>
      <ul class="intg">
        {kinds.flatMap((kind) =>
          kind.instances.map((instance) => (
            <InstanceCard key={`${kind.kind} ${instance.name}`} kind={kind} instance={instance} />
          )),
        )}
      </ul>
    </section>
  );
}

function Others({ kinds }: { kinds: readonly IntegrationKind[] }) {
  const m = t.value;
  if (kinds.length === 0) return null;
  return (
    <section class="intg-g" aria-labelledby="to-connect">
      <h2 id="to-connect">
        {m.otherOnes}
        <span class="sub">{m.toConnectText}</span>
      </h2>
      <ul class="intg">
        {kinds.map((kind) => (
          <UnconnectedCard key={kind.kind} kind={kind} group={groupWord(kind.group)} />
        ))}
      </ul>
    </section>
  );
}

function Body() {
  const m = t.value;
  const answer = useIntegrations(EVERY.users);
  const { data, failure } = answer;
  if (data === null) {
    if (failure === null) return <Skeleton height={420} />;
    return (
      <section class="card">
        <div class="b">
          <Failed text={failure} onRetry={answer.retry} />
        </div>
      </section>
    );
  }
  if (data.kinds.length === 0) return <Empty icon="plug" title={m.notAsked} />;
  const kinds = inOrder(data);
  const chosen = data.kinds.find(({ kind }) => kind === param('connect'));
  return (
    <>
      <Connected kinds={kinds.filter(({ instances }) => instances.length > 0)} />
      <Others kinds={kinds.filter(({ instances }) => instances.length === 0)} />
      {chosen && <ConnectDialog key={chosen.kind} kind={chosen} onClose={() => setParams({ connect: null }, true)} />}
    </>
  );
}

export function IntegrationsPage() {
  return (
    <Shell title={t.value.integrations} ranges="none">
      <Body />
    </Shell>
  );
}
