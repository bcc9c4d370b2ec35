// Uptime: whether everything answers from outside and from the agents, how it did, and how many people are there.

import { useBands } from '../alerts/bands';
import { CheckRows } from '../checks/rows';
import { useChecks } from '../checks/source';
import { num, span } from '../i18n/format';
import { t } from '../i18n/index';
import { outside } from '../api/outside-client';
import type { CheckRow } from '../api/types';
import { configured, type Configured, type OutsideAnswer, type UsersOnline } from '../api/outside';
import { useAnswer, useSettled, type Answer } from '../live/answer';
import { OutsideCard } from '../outside/card';
import { InstancePicker } from '../outside/picker';
import { LazyChart } from '../chart/lazy';
import { EVERY, resourceOf, useDayOfChecks, useStable, useIntegrations } from '../outside/source';
import { useUsersLine, useUsersSpec } from '../outside/users';
import { Shell } from '../shell/shell';
import { rangeWords } from '../shell/top-bar';
import { param } from '../state/route';
import { shown } from '../state/scope';
import { AnswerCard } from '../ui/card';
import { Snippets } from '../ui/how-to';
import { Empty, Skeleton } from '../ui/parts';
import { UptimeHead } from '../uptime/head';
import { MonitorTable, Outages } from '../uptime/monitors';

const USERS_HEIGHT = 190;

function UsersLine({ data }: { data: Configured & Partial<UsersOnline> }) {
  const m = t.value;
  const integrations = useIntegrations();
  const resources = useStable(resourceOf(integrations.data, data.kind, data.instance));
  const line = useUsersLine(shown.value, resources);
  const spec = useUsersSpec('users', USERS_HEIGHT, false);
  const bands = useBands(resources[0] ?? null);
  const note = data.window_s == null ? '' : m.usersWindow(span(data.window_s * 1000));
  return (
    <>
      <div class={`users-now ${data.stale ? 'dimv' : ''}`}>
        <span class="hero-n">{data.count == null ? m.none : num(data.count)}</span>
        <span class="sub">
          {m.usersNow}
          <span class="line faint">{[data.source, note].filter(Boolean).join(' · ')}</span>
        </span>
      </div>
      <LazyChart
        isBare
        spec={spec}
        data={line.data?.data ?? null}
        failure={line.failure}
        onRetry={line.retry}
        bands={bands}
      />
    </>
  );
}

function UsersCard({ answer, class: extra }: { answer: Answer<OutsideAnswer<UsersOnline>>; class: string }) {
  const m = t.value;
  return (
    <OutsideCard
      id="users"
      title={m.usersOnline}
      class={extra}
      connect={{ kind: 'online_users', title: m.usersOnline, text: m.emptyUsers, icon: 'users' }}
      answer={answer}
      height={USERS_HEIGHT + 80}
    >
      {(data) => <UsersLine data={data} />}
    </OutsideCard>
  );
}

function OwnChecks({ answer }: { answer: Answer<CheckRow[]> }) {
  const m = t.value;
  return (
    <AnswerCard
      id="checks"
      title={m.ownChecks}
      sub={rangeWords()}
      isFlush
      answer={answer}
      height={240}
      isEmpty={(rows) => rows.length === 0}
      empty={
        <div class="first-run pad">
          <Empty icon="heart" title={m.noChecks} text={m.noChecksText} />
          <Snippets kinds={['probes']} />
        </div>
      }
    >
      {(rows) => <CheckRows rows={rows} />}
    </AnswerCard>
  );
}

function Body() {
  const m = t.value;
  const uptime = useAnswer('uptime', EVERY.snapshot, (signal) => outside.uptime(param('uptime'), signal));
  const users = useAnswer('users', EVERY.users, (signal) => outside.users(param('users'), signal));
  const day = useDayOfChecks();
  const checks = useChecks(shown.value);
  const states = day.data;
  const isSettled = useSettled([uptime, users, day, checks]);
  const data = configured(uptime.data);
  const hasMonitors = data !== null && data.as_of !== null;
  // Own checks stand in a card of their own: only a service outside adds to them.
  const isOutside = data === null || data.kind === 'uptimerobot';
  const hasChoice = [uptime, users].some(({ data: of }) => (configured<object>(of)?.instances.length ?? 0) > 1);
  if (!isSettled) return <Skeleton height={480} />;
  return (
    <>
      {hasChoice && (
        <div class="row wrap tools">
          <InstancePicker source={uptime.data} name="uptime" label={m.monitors} />
          <InstancePicker source={users.data} name="users" label={m.usersOnline} />
        </div>
      )}
      {hasMonitors && <UptimeHead data={data} />}
      {data === null && <OwnChecks answer={checks} />}
      {isOutside && (
        <OutsideCard
          id="monitors"
          title={m.monitors}
          connect={{ kind: 'uptimerobot', title: 'UptimeRobot', text: m.emptyUptime, icon: 'globe' }}
          answer={uptime}
          height={240}
          isFlush
        >
          {(found) => <MonitorTable monitors={found.monitors ?? []} states={states} />}
        </OutsideCard>
      )}
      {data !== null && <OwnChecks answer={checks} />}
      <div class="g12">
        <UsersCard answer={users} class={hasMonitors ? 'c7' : 'c12'} />
        {hasMonitors && <Outages monitors={data.monitors ?? []} />}
      </div>
    </>
  );
}

export function UptimePage() {
  return (
    <Shell title={t.value.uptime} ranges="any">
      <Body key={`${param('uptime') ?? ''} ${param('users') ?? ''}`} />
    </Shell>
  );
}
