// What Sentry adds to the errors: users without a crash, over time too, and issues that are new, recurring or back.

import { useMemo } from 'preact/hooks';

import { useBands } from '../alerts/bands';
import { configured, type Configured, type OutsideAnswer, type SentryHealth, type TopIssue } from '../api/outside';
import { outside } from '../api/outside-client';
import { api } from '../api/client';
import type { ChartSpec } from '../chart/spec';
import { ago, num, pct, stamp } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { useAnswer, type Answer } from '../live/answer';
import * as clock from '../live/clock';
import { now } from '../live/feed';
import { OutsideCard } from '../outside/card';
import { ConnectLink } from '../outside/notes';
import { InstancePicker } from '../outside/picker';
import { LazyChart } from '../chart/lazy';
import { EVERY, meanColumn, resourceOf, useStable, useIntegrations } from '../outside/source';
import { safeLink } from '../outside/states';
import { CrashFreeGauge, IssueFigure, Outward, sentryConnect } from '../quadrants/code-health';
import { chartData, line } from '../requests/charts';
import { param } from '../state/route';
import { shown } from '../state/scope';
import { stepFor } from '../time/range';
import { Icon } from '../ui/icon';

const POINTS = 180;
const FINEST_MS = 60_000;
const HEIGHT = 176;
/** From so many on a sign stands beside the count. */
const HIGH = { hour: 2, day: 5, regressed: 1, escalating: 1 } as const;

function spec(begin: number): ChartSpec {
  const m = t.value;
  return {
    key: 'crash-free',
    title: m.crashFreeUsers,
    metrics: [],
    lines: [
      line(1, 'users', m.crashFreeUsers, '--s1', 'line'),
      line(2, 'sessions', m.crashFreeSessions, '--s3', 'line'),
    ],
    axis: (value, step) => pct(value, step < 0.01 ? 1 : 0),
    value: (value) => pct(value, 2),
    scale: {
      min: begin,
      max: begin + (1 - begin) * 1.04,
      splits: [0, 1, 2, 3, 4, 5].map((n) => begin + ((1 - begin) * n) / 5),
    },
    height: HEIGHT,
  };
}

/** Where the axis begins so that what matters is seen. */
export function axisBegin(values: Iterable<number>): number {
  let low = 1;
  for (const value of values) low = Math.min(low, value);
  return low >= 0.95 ? 0.95 : low >= 0.9 ? 0.9 : low >= 0.5 ? 0.5 : 0;
}

function Line({ resources }: { resources: readonly number[] }) {
  const span = shown.value;
  const key = `crash free ${span.key} ${resources.join()}`;
  const { data, failure, retry } = useAnswer(key, span.every, async (signal) => {
    const step = stepFor(span.ms, POINTS, FINEST_MS);
    const part = span.at(clock.now());
    if (resources.length === 0) return null;
    const answer = await api.query({ metrics: ['sentry.crash_free_ratio'], resources, ...part, step }, signal);
    const of = (subject: string) =>
      meanColumn(
        answer.series.filter(
          ({ attributes }) => attributes['farol.subject'] === subject && attributes['farol.window'] === '24h',
        ),
      );
    const columns = [of('users'), of('sessions')];
    return { chart: chartData(columns, part, step, false), begin: axisBegin(columns.flatMap((c) => [...c.values()])) };
  });
  const begin = data?.begin ?? 0.95;
  const drawn = useMemo(() => spec(begin), [begin, lang.value]);
  const bands = useBands(resources[0] ?? null);
  return <LazyChart isBare spec={drawn} data={data?.chart ?? null} failure={failure} onRetry={retry} bands={bands} />;
}

function Issues({ issues }: { issues: readonly TopIssue[] }) {
  const m = t.value;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.sentryIssues)}>
      <table class="tbl end">
        <thead>
          <tr>
            <th scope="col">{m.issue}</th>
            <th scope="col" class="n">
              {m.countEvents}
            </th>
            <th scope="col" class="n">
              {m.usersCount}
            </th>
            <th scope="col" class="n m-hide">
              {m.lastSeen}
            </th>
          </tr>
        </thead>
        <tbody>
          {issues.map((issue) => {
            const link = safeLink(issue.link);
            return (
              <tr key={`${issue.title} ${issue.link ?? ''}`}>
                <td class="max">
                  <b class="mono ell block">
                    {link === null ? issue.title : <Outward link={link} text={issue.title} class="plain" />}
                  </b>
                  <span class="sub ell block">{[issue.type, issue.level].filter(Boolean).join(' · ')}</span>
                </td>
                <td class="n">
                  <b>{issue.count === null ? m.none : num(issue.count)}</b>
                </td>
                <td class="n muted">{issue.users === null ? m.none : num(issue.users)}</td>
                <td class="n muted m-hide" title={issue.last_seen === null ? undefined : stamp(issue.last_seen)}>
                  {issue.last_seen === null ? m.none : ago(Math.max(0, now.value - issue.last_seen))}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Counts({ data }: { data: Configured & Partial<SentryHealth> }) {
  const m = t.value;
  return (
    <div class="count3 six">
      <IssueFigure count={data.new_issues_1h} word={m.issuesNewHour} high={HIGH.hour} />
      <IssueFigure count={data.new_issues_24h} word={m.issuesNew} high={HIGH.day} />
      <IssueFigure count={data.recurring} word={m.issuesRecurring} />
      <IssueFigure count={data.regressed} word={m.issuesRegressed} high={HIGH.regressed} sign="crit" />
      <IssueFigure count={data.escalating} word={m.escalating} high={HIGH.escalating} />
      <IssueFigure count={data.unresolved} word={m.unresolved} />
    </div>
  );
}

/** One quiet line for those without Sentry. */
function Offer() {
  const m = t.value;
  return (
    <p class="note" data-offer="sentry">
      <Icon name="bug" size={16} />
      <span class="grow">{m.connectSentryText}</span>
      <ConnectLink kind="sentry" title="Sentry" />
    </p>
  );
}

export function useSentry(): Answer<OutsideAnswer<SentryHealth>> {
  const name = param('sentry');
  return useAnswer(`health ${name ?? ''}`, EVERY.snapshot, (signal) => outside.health(name, signal));
}

export function SentryPart({ answer }: { answer: Answer<OutsideAnswer<SentryHealth>> }) {
  const m = t.value;
  const integrations = useIntegrations();
  const data = configured(answer.data);
  const resources = useStable(resourceOf(integrations.data, 'sentry', data?.instance ?? ''));
  // A collector without integrations has nothing to say here; the errors of the applications do not wait for it.
  if (answer.data === null) return null;
  if (data === null) return <Offer />;
  const people = [
    data.users_24h == null ? '' : m.usersIn24(num(data.users_24h)),
    data.sessions_24h == null ? '' : m.sessionsIn24(num(data.sessions_24h)),
  ].filter(Boolean);
  return (
    <>
      {data.instances.length > 1 && (
        <div class="row wrap tools">
          <InstancePicker source={data} name="sentry" label="Sentry" />
        </div>
      )}
      <div class="g12">
        <OutsideCard
          id="crash-free"
          title={m.crashFreeUsers}
          class="c4"
          connect={sentryConnect()}
          answer={answer}
          height={200}
        >
          {(found) => (
            <div class="dial-box">
              <CrashFreeGauge value={found.crash_free_users_24h ?? null} size={160} />
              <p class="sub">{people.join(' · ')}</p>
            </div>
          )}
        </OutsideCard>
        <section class="card c8" aria-labelledby="crash-line">
          <header>
            <h2 id="crash-line">{`${m.crashFreeUsers}, ${m.crashFreeSessions.toLocaleLowerCase()}`}</h2>
            <span class="src">Sentry</span>
          </header>
          <div class="b">
            <Line resources={resources} />
          </div>
        </section>
      </div>
      {data.as_of !== null && (
        <OutsideCard
          id="sentry-issues"
          title={m.sentryIssues}
          connect={sentryConnect()}
          answer={answer}
          height={200}
          isFlush
          foot={(found) => {
            const link = safeLink(found.link);
            return link === null ? null : <Outward link={link} text={m.allInSentry} />;
          }}
        >
          {(found) => (
            <>
              <Counts data={found} />
              {found.top_issues == null || found.top_issues.length === 0 ? (
                <p class="pad sub issues-none">{found.top_issues == null ? m.none : m.noIssues}</p>
              ) : (
                <Issues issues={found.top_issues} />
              )}
            </>
          )}
        </OutsideCard>
      )}
    </>
  );
}
