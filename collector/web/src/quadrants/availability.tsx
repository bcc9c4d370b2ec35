// Availability and users: whether the addresses answer from outside, and how many people are on the site.

import { useMemo } from 'preact/hooks';

import { configured, type Configured, type Monitor, type Uptime, type UsersOnline } from '../api/outside';
import { millis, num, span } from '../i18n/format';
import { t } from '../i18n/index';
import type { Around } from '../outside/overview';
import { OutsideCard } from '../outside/card';
import { ConnectLink, NoFigures, type Connect } from '../outside/notes';
import { monitorLook, monitorWord, uptimeWord, wordLook, worstMonitorFirst } from '../outside/monitors';
import { LazyChart } from '../chart/lazy';
import { stripOf, type States } from '../outside/source';
import { isFailing, kindTitle } from '../outside/states';
import { DayStrip, upText } from '../outside/strip';
import { useUsersSpec } from '../outside/users';
import { href } from '../state/route';
import { Icon } from '../ui/icon';
import { Skeleton } from '../ui/parts';

const SHOWN = 4;
const HEIGHT = 130;

export function uptimeConnect(): Connect {
  return { kind: 'uptimerobot', title: 'UptimeRobot', text: t.value.emptyUptime, icon: 'globe' };
}

function Row({ monitor, states }: { monitor: Monitor; states: States | null }) {
  const m = t.value;
  const look = monitorLook(monitor.state);
  const word = monitorWord(monitor.state);
  const strip = useMemo(() => states && stripOf(states, monitor.name), [states, monitor.name]);
  return (
    <tr data-monitor={monitor.name}>
      <td class="ell max" title={monitor.url ?? monitor.name}>
        <span class="row">
          <span class={`si ${look.class}`} title={word}>
            <Icon name={look.icon} size={14} />
            <span class="sr">{word}</span>
          </span>
          <span class="ell strong">{monitor.name}</span>
        </span>
      </td>
      <td class="m-hide striped">{strip && <DayStrip strip={strip} name={monitor.name} isSmall />}</td>
      <td class="n muted">{monitor.response_ms === null ? m.none : millis(monitor.response_ms)}</td>
      <td class="n">{upText(monitor.uptime_30d)}</td>
    </tr>
  );
}

function Monitors({ monitors, states }: { monitors: readonly Monitor[]; states: States | null }) {
  const m = t.value;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.monitors)}>
      <table class="tbl tight end">
        <thead>
          <tr>
            <th scope="col">{m.monitor}</th>
            <th scope="col" class="m-hide">
              {m.last24}
            </th>
            <th scope="col" class="n">
              {m.response}
            </th>
            <th scope="col" class="n">
              {m.days30}
            </th>
          </tr>
        </thead>
        <tbody>
          {[...monitors]
            .sort(worstMonitorFirst)
            .slice(0, SHOWN)
            .map((monitor) => (
              <Row key={`${monitor.kind} ${monitor.name}`} monitor={monitor} states={states} />
            ))}
        </tbody>
      </table>
    </div>
  );
}

/** The LED of the card: its word is that of the hero. */
function Light({ word }: { word: Uptime['word'] }) {
  const look = wordLook(word);
  return (
    <span class={`uptime-w ${look.class}`} data-uptime={word}>
      <Icon name={look.icon} size={16} />
      {uptimeWord(word)}
    </span>
  );
}

export function usersCount(data: Partial<UsersOnline>): string {
  return data.count == null ? t.value.none : num(data.count);
}

function Users({ around }: { around: Around }) {
  const m = t.value;
  const spec = useUsersSpec('q-users', HEIGHT, true);
  const { users, usersLine } = around;
  const data = configured(users.data);
  if (data === null) {
    if (users.data === null) return users.failure === null ? <Skeleton height={HEIGHT} /> : null;
    return (
      <p class="row sub offer">
        <Icon name="users" size={14} />
        <span class="grow">{m.emptyUsers}</span>
        <ConnectLink kind="online_users" title={m.usersOnline} />
      </p>
    );
  }
  if (data.as_of === null && isFailing(data.status)) return <NoFigures answer={data} />;
  return (
    <>
      <UsersFigure data={data} />
      {usersLine.data !== null && (
        <LazyChart isBare spec={spec} data={usersLine.data.data} failure={null} onRetry={usersLine.retry} />
      )}
    </>
  );
}

function UsersFigure({ data }: { data: Configured & Partial<UsersOnline> }) {
  const m = t.value;
  const note = data.window_s == null ? '' : m.usersWindow(span(data.window_s * 1000));
  return (
    <div class={`users-now ${data.stale ? 'dimv' : ''}`}>
      <span class="hero-n" data-users={data.count ?? ''}>
        {usersCount(data)}
      </span>
      <span class="sub">
        {m.usersNow}
        <span class="line faint">
          {[data.source ?? kindTitle(data.kind), note, data.as_of === null ? m.noAnswerYet : '']
            .filter(Boolean)
            .join(' · ')}
        </span>
      </span>
    </div>
  );
}

export function Availability({ around }: { around: Around }) {
  const m = t.value;
  const states = around.checks.data;
  return (
    <OutsideCard
      id="q-uptime"
      title={m.uptimeAndUsers}
      connect={uptimeConnect()}
      answer={around.uptime}
      height={340}
      isFlush
      end={
        <a class="btn-icon" href={href('/uptime')} aria-label={`${m.open}: ${m.uptime}`} title={m.uptime}>
          <Icon name="chevr" size={14} />
        </a>
      }
      fallback={
        <>
          <div class="pad-x">
            <Users around={around} />
          </div>
          <p class="row sub pad offer">
            <Icon name="globe" size={14} />
            <span class="grow">{m.emptyUptime}</span>
            <ConnectLink kind="uptimerobot" title="UptimeRobot" />
          </p>
        </>
      }
    >
      {(data) => (
        <>
          <div class="pad-x uptime-q">
            <Light word={data.word} />
            <Users around={around} />
          </div>
          {data.monitors == null || data.monitors.length === 0 ? (
            <p class="pad sub">{m.noMonitors}</p>
          ) : (
            <Monitors monitors={data.monitors} states={states} />
          )}
        </>
      )}
    </OutsideCard>
  );
}
