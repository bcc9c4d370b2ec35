// Code health: users without a crash, the most frequent issues, and how many are new, recurring or back.

import type { IssueCount, SentryHealth, TopIssue } from '../api/outside';
import { outside } from '../api/outside-client';
import { num, pct } from '../i18n/format';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import { OutsideCard } from '../outside/card';
import type { Connect } from '../outside/notes';
import { Gauge } from '../ui/gauge';
import { EVERY } from '../outside/source';
import { safeLink } from '../outside/states';
import { Icon } from '../ui/icon';

/** As the design sets them: good from 99 %, red below 95 %. */
export const CRASH_FREE = { warning: 0.99, critical: 0.95 } as const;
const SHOWN = 5;
/** From so many on a sign stands beside the count. */
const HIGH = { fresh: 5, regressed: 1 } as const;

export function sentryConnect(): Connect {
  return { kind: 'sentry', title: 'Sentry', text: t.value.emptyCode, icon: 'bug' };
}

export function countText(count: IssueCount | null | undefined): string {
  if (count == null) return t.value.none;
  return count.is_capped ? t.value.atLeast(num(count.count)) : num(count.count);
}

/** The gauge begins at 90 % unless that hides the value. */
export function CrashFreeGauge({ value, size }: { value: number | null; size?: number }) {
  const m = t.value;
  return (
    <Gauge
      value={value}
      low={value !== null && value < 0.9 ? 0 : 0.9}
      {...CRASH_FREE}
      label={m.crashFreeUsers}
      text={value === null ? m.none : pct(Math.floor(value * 10_000) / 10_000, value === 1 ? 0 : 2)}
      sub={m.crashFreeLabel}
      {...(size === undefined ? {} : { size })}
    />
  );
}

interface CountProps {
  count: IssueCount | null | undefined;
  word: string;
  high?: number;
  sign?: 'warn' | 'crit';
}

export function IssueFigure({ count, word, high, sign = 'warn' }: CountProps) {
  const isHigh = count != null && high !== undefined && count.count >= high;
  return (
    <div>
      <b class={isHigh ? sign : ''}>
        {isHigh && <Icon name={sign} size={14} />}
        {countText(count)}
      </b>
      <span>{word}</span>
    </div>
  );
}

export function IssueCounts({ data }: { data: Partial<SentryHealth> }) {
  const m = t.value;
  return (
    <div class="count3">
      <IssueFigure count={data.new_issues_24h} word={m.issuesNew} high={HIGH.fresh} />
      <IssueFigure count={data.recurring} word={m.issuesRecurring} />
      <IssueFigure count={data.regressed} word={m.issuesRegressed} high={HIGH.regressed} sign="crit" />
    </div>
  );
}

/** A link that leaves the dashboard. */
export function Outward({ link, text, class: extra = '' }: { link: string; text: string; class?: string }) {
  return (
    <a class={`outward ${extra}`} href={link} target="_blank" rel="noopener noreferrer">
      <span class="ell">{text}</span>
      <Icon name="ext" size={12} />
      <span class="sr"> ({t.value.opensNew})</span>
    </a>
  );
}

function Issue({ issue }: { issue: TopIssue }) {
  const link = safeLink(issue.link);
  return (
    <li class="row">
      <span class="mono ell grow" title={issue.title}>
        {link === null ? (
          issue.title
        ) : (
          <a class="plain" href={link} target="_blank" rel="noopener noreferrer">
            {issue.title}
          </a>
        )}
      </span>
      <b class="tn">{issue.count === null ? t.value.none : num(issue.count)}</b>
    </li>
  );
}

export function CodeHealth() {
  const m = t.value;
  const answer = useAnswer('health', EVERY.snapshot, (signal) => outside.health(null, signal));
  return (
    <OutsideCard
      id="q-code"
      title={m.codeHealth}
      connect={sentryConnect()}
      answer={answer}
      height={330}
      foot={(data) => {
        const link = safeLink(data.link);
        return link === null ? null : <Outward link={link} text={m.allInSentry} />;
      }}
    >
      {(data) => (
        <>
          <div class="dial-box">
            <CrashFreeGauge value={data.crash_free_users_24h ?? null} />
          </div>
          <h3 class="sub mini-t">{m.mostFrequent}</h3>
          <ul class="top-issues">
            {(data.top_issues ?? []).slice(0, SHOWN).map((issue) => (
              <Issue key={`${issue.title} ${issue.link ?? ''}`} issue={issue} />
            ))}
            {data.top_issues?.length === 0 && <li class="sub">{m.noIssues}</li>}
            {data.top_issues == null && <li class="sub">{m.none}</li>}
          </ul>
          <IssueCounts data={data} />
        </>
      )}
    </OutsideCard>
  );
}
