// The systems around that the collector asks: what is connected and how it does, and how to connect the others.

import type { IntegrationGroup, IntegrationsAnswer } from '../api/outside';
import { outside } from '../api/outside-client';
import { t } from '../i18n/index';
import { InstanceCard, UnconnectedCard } from '../integrations/cards';
import { ConnectDialog } from '../integrations/connect';
import { useAnswer } from '../live/answer';
import { EVERY } from '../outside/source';
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

/** The groups in their order; one that this page does not know comes last. */
function groupsOf({ kinds }: IntegrationsAnswer): IntegrationGroup[] {
  const rank = (group: IntegrationGroup) => (ORDER.includes(group) ? ORDER.indexOf(group) : ORDER.length);
  return [...new Set(kinds.map(({ group }) => group))].sort((a, b) => rank(a) - rank(b));
}

function Group({ answer, group }: { answer: IntegrationsAnswer; group: IntegrationGroup }) {
  const m = t.value;
  const kinds = answer.kinds.filter((kind) => kind.group === group);
  const connected = kinds.reduce((sum, { instances }) => sum + instances.length, 0);
  // What is connected first; within that the order of the answer.
  const sorted = [...kinds].sort((a, b) => Number(b.instances.length > 0) - Number(a.instances.length > 0));
  return (
    <section class="intg-g" aria-labelledby={`g-${group}`}>
      <h2 id={`g-${group}`}>
        {groupWord(group)}
        {connected > 0 && <span class="sub">{m.countConnected(connected)}</span>}
      </h2>
      <ul class="intg">
        {sorted.flatMap((kind) =>
          kind.instances.length === 0
            ? [<UnconnectedCard key={kind.kind} kind={kind} />]
            : kind.instances.map((instance) => (
                <InstanceCard key={`${kind.kind} ${instance.name}`} kind={kind} instance={instance} />
              )),
        )}
      </ul>
    </section>
  );
}

function Body() {
  const m = t.value;
  const answer = useAnswer('integrations', EVERY.users, (signal) => outside.integrations(signal));
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
  const chosen = data.kinds.find(({ kind }) => kind === param('connect'));
  return (
    <>
      {groupsOf(data).map((group) => (
        <Group key={group} group={group} answer={data} />
      ))}
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
