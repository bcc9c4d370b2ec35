// One alert in full: its chart with limit and band, what it means, why it likely came, what happened since, who was told.

import { useEffect, useMemo } from 'preact/hooks';

import { alerts, type Alert, type Cause, type IncidentDetail } from '../api/alerts';
import { api } from '../api/client';
import { DataChart } from '../chart/chart';
import { POINTS } from '../chart/view';
import { hhmmss, span, stamp } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { useAnswer, type Answer } from '../live/answer';
import * as clock from '../live/clock';
import { now } from '../live/feed';
import { href, hrefWith } from '../state/route';
import { shown } from '../state/scope';
import { stepFor } from '../time/range';
import { Failed } from '../ui/card';
import { Icon } from '../ui/icon';
import { Skeleton } from '../ui/parts';
import { RoleNote } from '../ui/role-note';
import { Glyph } from '../boards/glyph';
import { acknowledge, silenceHour, unacknowledge } from './acts';
import { bandOf } from './bands';
import { Deliveries } from './deliveries';
import { deployLine, judged, judgedSpec, limitedData, withDeploy, type Limits } from './judged';
import { Act, LevelBadge, LevelIcon, Untold } from './parts';
import { reloadRules, ruleOf, ruleRows } from './rule-source';
import { Sign } from './sign';
import { changed } from './source';
import { causeText, condition, lasted, lineText, place, title, value, watched } from './text';
import { a } from './words';

const CHART_HEIGHT = 150;
/** What came before an alert explains it. */
const BEFORE_MS = 15 * 60_000;
const OPEN_EVERY_MS = 5_000;
const CHART_EVERY_MS = 10_000;
const SAMPLE_MS = 1_000;

/** The stretch of the chart: what the page shows, and the alert whole. */
function stretchOf(alert: Alert): { from: number; to: number; step: number } {
  const time = clock.now();
  const page = shown.peek().at(time);
  const to = alert.resolved === null ? time : Math.min(time, alert.resolved + BEFORE_MS);
  const own = alert.onset - BEFORE_MS;
  const from = alert.resolved === null ? Math.min(page.from, own) : own;
  const step = stepFor(to - from, POINTS, SAMPLE_MS);
  return { from: Math.floor(from / step) * step, to: Math.floor(to / step) * step, step };
}

function AlertChart({ alert, deploy }: { alert: Alert; deploy: Cause | null }) {
  useEffect(() => void (ruleRows.peek() === null && reloadRules()), []);
  const rule = ruleOf(alert.rule);
  const what = judged(alert, rule);
  const limits: Limits = !what?.isDirect
    ? { warning: undefined, critical: undefined }
    : {
        warning: rule?.warning ?? (alert.level === 'warning' ? (alert.threshold ?? undefined) : undefined),
        critical: rule?.critical ?? (alert.level === 'critical' ? (alert.threshold ?? undefined) : undefined),
      };
  const metrics = what?.metrics.join() ?? '';
  const key = `alert ${alert.id} ${alert.state} ${metrics} ${limits.warning ?? ''} ${limits.critical ?? ''} ${shown.value.key}`;
  const answer = useAnswer(key, alert.state === 'firing' ? CHART_EVERY_MS : null, async (signal) => {
    if (what === null) return null;
    const stretch = stretchOf(alert);
    const resources = [alert.resource];
    const found = await api.query({ metrics: what.metrics, resources, ...stretch }, signal);
    return limitedData(what.of(found), limits, stretch);
  });
  const spec = useMemo(() => {
    const own = judgedSpec(alert, limits, CHART_HEIGHT);
    return deploy === null ? own : { ...own, lines: [...own.lines, deployLine(deploy)] };
  }, [alert.id, limits.warning, limits.critical, deploy?.what, lang.value]);
  const data = useMemo(
    () => (answer.data && deploy ? withDeploy(answer.data, deploy) : answer.data),
    [answer.data, deploy?.at_ms],
  );
  const bands = useMemo(() => [bandOf(alert)], [alert.id, alert.resolved, lang.value]);
  if (what === null) return null;
  return <DataChart spec={spec} data={data} failure={answer.failure} onRetry={answer.retry} bands={bands} isBare />;
}

function Tags({ alert }: { alert: Alert }) {
  const tags = [alert.service, alert.environment, alert.tenant].filter(
    (tag): tag is string => tag !== null && tag !== alert.resource_name,
  );
  return (
    <div class="row wrap al-tags">
      <LevelBadge level={alert.level} />
      {alert.state === 'resolved' && <LevelBadge level="ok" word={a.value.isResolved} />}
      <Untold alert={alert} />
      <a class="tag" href={href(`/resource/${alert.resource}`)}>
        {place(alert)}
      </a>
      {tags.map((tag) => (
        <span key={tag} class="tag">
          {tag}
        </span>
      ))}
    </div>
  );
}

function Facts({ alert, detail }: { alert: Alert; detail: IncidentDetail | null }) {
  const m = a.value;
  const began = `${hhmmss(alert.fired)} · ${t.value.ago(span(Math.max(0, now.value - alert.fired)))}`;
  const cause = detail?.cause ?? null;
  const acknowledged = alert.acknowledged ?? detail?.acknowledged ?? null;
  return (
    <dl class="kv al-facts">
      <div>
        <dt>{m.conditionWord}</dt>
        <dd class="anywhere">{condition(alert)}</dd>
      </div>
      <div>
        <dt>{alert.state === 'firing' ? m.valueNow : m.valueLast}</dt>
        <dd class="tn">{value(alert)}</dd>
      </div>
      <div>
        <dt>{m.began}</dt>
        <dd class="tn" title={stamp(alert.onset)}>
          {began}
        </dd>
      </div>
      {alert.resolved !== null && (
        <div>
          <dt>{m.ended}</dt>
          <dd class="tn">
            {hhmmss(alert.resolved)} · {m.lasted(lasted(alert))}
          </dd>
        </div>
      )}
      {cause !== null && (
        <div data-cause={cause.kind}>
          <dt>{m.cause}</dt>
          <dd class="row anywhere">
            <Sign name={cause.kind === 'deploy' ? 'rocket' : 'target'} size={13} />
            {causeText(cause, alert.onset)}
          </dd>
        </div>
      )}
      {acknowledged !== null && (
        <div>
          <dt>{m.acknowledgedWord}</dt>
          <dd>{m.whoWhen(acknowledged.by, hhmmss(acknowledged.at))}</dd>
        </div>
      )}
      {alert.runbook !== null && /^https?:\/\//.test(alert.runbook) && (
        <div>
          <dt>{m.runbook}</dt>
          <dd class="ell">
            <a href={alert.runbook} target="_blank" rel="noopener noreferrer">
              {alert.runbook}
            </a>
          </dd>
        </div>
      )}
    </dl>
  );
}

/** The other alerts of the incident: one message told of them all. */
function Others({
  detail,
  alert,
  onSelect,
}: {
  detail: IncidentDetail;
  alert: Alert;
  onSelect: (alert: Alert) => void;
}) {
  const others = detail.alerts.filter(({ id }) => id !== alert.id);
  if (others.length === 0) return null;
  return (
    <>
      <h3>{a.value.sameIncident}</h3>
      <ul class="al-others">
        {others.map((other) => (
          <li key={other.id} class="row">
            <LevelIcon level={other.state === 'resolved' ? 'ok' : other.level} size={14} />
            <button class="al-link ell" onClick={() => onSelect(other)}>
              {title(other)}
            </button>
            <span class="sub ell">{place(other)}</span>
            <Untold alert={other} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Timeline({ answer }: { answer: Answer<IncidentDetail> }) {
  const m = a.value;
  const { data, failure } = answer;
  if (data === null) {
    return failure === null ? <Skeleton height={120} /> : <Failed text={failure} onRetry={answer.retry} />;
  }
  const names = new Map(data.deliveries.map(({ channel, channel_name: name }) => [channel, name ?? channel]));
  const lines = [...data.lines].sort((x, z) => z.time - x.time);
  return (
    <>
      <h3>{m.timeline}</h3>
      {/* As long as its room, which can be scrolled with keys. */}
      <div class="scroll al-tl" tabIndex={0} role="region" aria-label={m.timeline}>
        <ol>
          {lines.map((line, i) => (
            <li key={`${line.time} ${i}`} data-line={line.kind}>
              <time class="tn" dateTime={new Date(line.time).toISOString()} title={stamp(line.time)}>
                {hhmmss(line.time)}
              </time>
              <span class="anywhere">{lineText(line, data.alerts, names)}</span>
            </li>
          ))}
        </ol>
      </div>
      {data.deliveries.length > 0 && (
        <>
          <h3>{m.deliveries}</h3>
          <Deliveries rows={data.deliveries} isOfOne />
        </>
      )}
    </>
  );
}

function Acts({ alert }: { alert: Alert }) {
  const m = a.value;
  return (
    <footer class="al-acts">
      {alert.state === 'firing' && (
        <>
          {alert.acknowledged === null ? (
            <Act needs="operator" class="btn pri grow" onAct={() => void acknowledge(alert)}>
              <Icon name="check" size={14} />
              {m.acknowledge}
            </Act>
          ) : (
            <Act needs="operator" class="btn grow" onAct={() => void unacknowledge(alert.incident)}>
              <Icon name="undo" size={14} />
              {m.unacknowledge}
            </Act>
          )}
          <Act needs="operator" isOff={alert.silenced} onAct={() => void silenceHour(alert)}>
            <Sign name="mute" size={14} />
            {m.silenceHour}
          </Act>
        </>
      )}
      <a class="btn" href={hrefWith('/rules', { rule: alert.rule })}>
        <Glyph name="edit" size={14} />
        {m.rule}
      </a>
      <RoleNote id="al-role" needs="operator" />
    </footer>
  );
}

interface Props {
  incident: number;
  /** Null when only the incident is known, as a link names it. */
  alert: Alert | null;
  /** Nobody chose it: a phone shows the list alone. */
  isByItself: boolean;
  onSelect: (alert: Alert) => void;
  onClose: () => void;
}

export function Detail({ incident, alert: given, isByItself, onSelect, onClose }: Props) {
  const m = a.value;
  const isOpen = given === null || given.state === 'firing';
  const answer = useAnswer(`incident ${incident} ${changed.value}`, isOpen ? OPEN_EVERY_MS : null, (signal) =>
    alerts.incident(incident, signal),
  );
  const alert = given ?? answer.data?.alerts[0] ?? null;
  const cause = answer.data?.cause ?? null;
  return (
    <section
      class={`card c5 al-detail ${isByItself ? 'd-only' : ''}`}
      aria-labelledby="al-detail"
      data-incident={incident}
    >
      <header>
        {alert && <LevelIcon level={alert.level} />}
        <h2 id="al-detail" class="al-title">
          {alert ? title(alert) : m.incident(incident)}
        </h2>
        {!isByItself && (
          <span class="end">
            <button class="btn-icon" aria-label={t.value.close} onClick={onClose}>
              <Icon name="x" />
            </button>
          </span>
        )}
      </header>
      <div class="b">
        {alert ? (
          <>
            <Tags alert={alert} />
            <AlertChart key={alert.id} alert={alert} deploy={cause?.kind === 'deploy' ? cause : null} />
            {watched(alert) !== alert.metric && <p class="sub">{watched(alert)}</p>}
            <Facts alert={alert} detail={answer.data} />
            {answer.data && <Others detail={answer.data} alert={alert} onSelect={onSelect} />}
          </>
        ) : (
          answer.data && <p class="sub">{m.incident(incident)}</p>
        )}
        <Timeline answer={answer} />
      </div>
      {alert && <Acts alert={alert} />}
    </section>
  );
}
