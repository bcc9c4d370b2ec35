// What a rule would have done: the last 24 h as soon as it is whole, 30 days when somebody asks. The collector runs the very
// engine that judges live.
//
// Bounded: one question after a pause in typing; the answer to an older rule is thrown away.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { rules, type BackTest, type Rule } from '../api/alerts';
import { refusal } from '../cache/refusal';
import type { Band } from '../chart/bands';
import { LazyChart } from '../chart/lazy';
import { hhmm, num, span, stamp } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { Icon } from '../ui/icon';
import { Skeleton } from '../ui/parts';
import { amount, seconds, written } from './amount';
import { isJudgeable, ruleOf, unitOf, type Draft } from './draft';
import { limitedData, limitedSpec, type Limits } from './judged';
import { LevelIcon } from './parts';
import { levelWord, place } from './text';
import { r } from './rule-words';
import { a } from './words';

const PAUSE_MS = 700;
const CHART_HEIGHT = 168;
const FIRINGS_SHOWN = 20;
const LONG_DAYS = 30;

/** What of a rule decides when it fires and how often it is told. */
function judgedOf(draft: Draft): Rule {
  const rule = ruleOf({ ...draft, message: '', runbook: '' });
  return { ...rule, name: rule.name === '' ? r.peek().draftName : rule.name, enabled: true };
}

interface Held {
  key: string;
  days: number;
  answer: BackTest | null;
  failure: string | null;
}

interface Testing extends Held {
  isBusy: boolean;
  run: (days: number) => void;
}

export function useBackTest(draft: Draft): Testing {
  const isReady = isJudgeable(draft);
  const rule = useMemo(() => (isReady ? judgedOf(draft) : null), [draft, isReady]);
  const key = rule === null ? '' : JSON.stringify({ ...rule, name: '', channels: rule.channels.length });
  const [held, hold] = useState<Held>({ key: '', days: 1, answer: null, failure: null });
  const [isBusy, busy] = useState(false);
  const turn = useRef(0);
  const latest = useRef(rule);
  latest.current = rule;
  const run = (days: number) => {
    const tried = latest.current;
    if (tried === null) return;
    const mine = (turn.current += 1);
    busy(true);
    const end = (some: Pick<Held, 'answer' | 'failure'>) => {
      if (mine !== turn.current) return;
      hold({ key, days, ...some });
      busy(false);
    };
    rules.backTest({ rule: tried, days }).then(
      (answer) => end({ answer, failure: null }),
      (error: unknown) => end({ answer: null, failure: refusal(error) }),
    );
  };
  useEffect(() => {
    if (key === '') return;
    const timer = setTimeout(() => run(1), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [key]);
  useEffect(
    () => () => {
      turn.current += 1;
    },
    [],
  );
  return { ...held, isBusy, run };
}

/** The distance of the points: most of them have it. */
export function stepOf(points: BackTest['line'] & object): number {
  const times = points.points.map(([time]) => time);
  const distances = times.slice(1).map((time, i) => time - (times[i] ?? time));
  distances.sort((x, z) => x - z);
  return Math.max(1_000, distances[distances.length >> 1] ?? 1_000);
}

function bandsOf(test: BackTest): Band[] {
  return test.firings
    .filter((one) => test.line === null || one.resource_name === test.line.resource_name)
    .map((one) => ({
      from: one.from,
      to: one.to,
      level: one.level,
      text: a.peek().bandText(levelWord(one.level), hhmm(one.from), one.to === null ? '' : hhmm(one.to)),
    }));
}

function Picture({ test, draft }: { test: BackTest; draft: Draft }) {
  const rule = ruleOf(draft);
  const limits: Limits = { warning: rule.warning, critical: rule.critical };
  const unit = unitOf(draft);
  const { line } = test;
  const label = line?.resource_name ?? '';
  const spec = useMemo(
    () => ({ ...limitedSpec('back-test', r.peek().backTest, label, unit, limits, CHART_HEIGHT), isStill: true }),
    [label, unit, limits.warning, limits.critical, lang.value],
  );
  const data = useMemo(() => {
    if (line === null) return null;
    const step = stepOf(line);
    const from = Math.floor(test.from / step) * step;
    return limitedData(line.points, limits, { from, to: Math.floor(test.to / step) * step, step });
  }, [test, limits.warning, limits.critical]);
  const bands = useMemo(() => bandsOf(test), [test, lang.value]);
  if (line === null || data === null) return null;
  return <LazyChart spec={spec} data={data} failure={null} onRetry={() => undefined} bands={bands} isBare />;
}

function Firings({ test, draft }: { test: BackTest; draft: Draft }) {
  const m = r.value;
  const unit = unitOf(draft);
  if (test.firings.length === 0) return null;
  return (
    <details class="bt-more">
      <summary>{m.firings(num(test.count))}</summary>
      <ul class="bt-list">
        {test.firings.slice(0, FIRINGS_SHOWN).map((one, i) => (
          <li key={i} class="row">
            <LevelIcon level={one.level} size={14} />
            <span class="grow ell">{place(one)}</span>
            <span class="sub tn">{stamp(one.from)}</span>
            <span class="sub tn">{span((one.to ?? test.to) - one.from)}</span>
            {one.peak !== null && <b class="tn">{amount(one.peak, unit)}</b>}
          </li>
        ))}
      </ul>
    </details>
  );
}

interface Props {
  draft: Draft;
  isLocked: boolean;
  change: (some: Partial<Draft>) => void;
}

function Others({ test, change, isLocked }: { test: BackTest } & Omit<Props, 'draft'>) {
  const m = r.value;
  if (test.others.length === 0) return null;
  return (
    <ul class="bt-others" aria-label={m.otherFor}>
      {test.others.map((other) => (
        <li key={other.for_s} class="row">
          <span class="grow sub">
            {m.withFor(seconds(other.for_s), num(other.count), other.count, num(other.notifications))}
          </span>
          <button
            type="button"
            class="btn sm"
            disabled={isLocked}
            aria-label={m.takeFor(seconds(other.for_s))}
            onClick={() => change({ forText: seconds(other.for_s) })}
          >
            {m.take}
          </button>
        </li>
      ))}
    </ul>
  );
}

function Suggestion({ test, draft, change, isLocked }: { test: BackTest } & Props) {
  const m = r.value;
  const { suggestion } = test;
  if (suggestion === null) return null;
  const unit = unitOf(draft);
  const { warning, critical } = suggestion;
  return (
    <div class="row wrap bt-suggest">
      <Icon name="info" size={14} />
      <span class="grow sub">{m.suggested(amount(warning, unit), amount(critical, unit))}</span>
      <button
        type="button"
        class="btn sm"
        disabled={isLocked}
        onClick={() => change({ warning: written(warning, unit), critical: written(critical, unit) })}
      >
        {m.takeSuggestion}
      </button>
    </div>
  );
}

function Numbers({ test }: { test: BackTest }) {
  const m = r.value;
  if (test.subjects === 0) return <p class="sub">{m.noSubjects}</p>;
  return (
    <p class="sub" data-count={test.count}>
      {test.count === 0
        ? m.neverFired
        : m.wouldHave(
            num(test.count),
            test.count,
            span(test.firing_s * 1000),
            num(test.notifications),
            test.notifications,
          )}
      {` · ${m.subjects(num(test.subjects), test.subjects)}`}
      {!test.exact && ` · ${m.notExact}`}
    </p>
  );
}

export function BackTestPart({ draft, change, isLocked }: Props) {
  const m = r.value;
  const testing = useBackTest(draft);
  const { answer, failure, isBusy, days } = testing;
  const isReady = isJudgeable(draft);
  return (
    <section class="bt" aria-labelledby="back-test" aria-busy={isBusy} data-back-test={answer ? answer.count : ''}>
      <div class="row wrap">
        <h3 id="back-test">{days === 1 ? m.backTestDay : m.backTestDays(num(days))}</h3>
        <span class="grow" />
        <button
          type="button"
          class="btn sm"
          disabled={!isReady || isBusy}
          onClick={() => testing.run(days === 1 ? LONG_DAYS : 1)}
        >
          <Icon name="clock" size={13} />
          {isBusy ? t.value.actRunning : days === 1 ? m.testDays(num(LONG_DAYS)) : m.testDay}
        </button>
      </div>
      {!isReady && <p class="hint">{m.testWhole}</p>}
      {isReady && answer === null && failure === null && <Skeleton height={CHART_HEIGHT} />}
      {failure !== null && (
        <p class="note crit" role="alert">
          <Icon name="crit" size={15} />
          <span class="grow">{failure}</span>
        </p>
      )}
      {answer !== null && (
        <>
          <Numbers test={answer} />
          <Picture test={answer} draft={draft} />
          <Others test={answer} change={change} isLocked={isLocked} />
          <Suggestion test={answer} draft={draft} change={change} isLocked={isLocked} />
          <Firings test={answer} draft={draft} />
        </>
      )}
    </section>
  );
}
