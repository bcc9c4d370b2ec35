// What fired in the range: when, for how long, where, who looked after it. The filters stand in the address.

import { useState } from 'preact/hooks';

import { alerts, type Alert, type AlertLevel } from '../api/alerts';
import { num, span, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { hrefWith, param, setParams } from '../state/route';
import { services, shown } from '../state/scope';
import { rangeWords } from '../shell/top-bar';
import { AnswerCard } from '../ui/card';
import { Choice } from '../ui/filters';
import { Icon } from '../ui/icon';
import { Empty } from '../ui/parts';
import { csv, offer } from './csv';
import { Lanes } from './lanes';
import { ruleName } from './names';
import { LevelBadge, LevelIcon, Untold } from './parts';
import { changed } from './source';
import { lasted, place } from './text';
import { a } from './words';

const PAGE_ROWS = 500;
/** More than this is read from a file, not from a page. */
const ROWS_MAX = 5_000;

interface Filter {
  level: AlertLevel | null;
  service: string | null;
  state: 'open' | 'resolved' | 'all';
}

function filterOf(): Filter {
  const state = param('state');
  const level = param('level');
  return {
    level: level === 'critical' || level === 'warning' ? level : null,
    service: param('service'),
    state: state === 'open' || state === 'resolved' ? state : 'all',
  };
}

function Filters({ filter }: { filter: Filter }) {
  const m = a.value;
  const names = new Set(services.value.map(({ row }) => row.value.name));
  if (filter.service !== null) names.add(filter.service);
  return (
    <>
      <Choice
        label={m.severity}
        value={filter.level ?? ''}
        all={m.all}
        options={[
          { value: 'critical', text: m.critical },
          { value: 'warning', text: m.warning },
        ]}
        onChoose={(level) => setParams({ level })}
      />
      {names.size > 0 && (
        <Choice
          label={t.value.service}
          value={filter.service ?? ''}
          all={t.value.allServices}
          options={[...names].sort().map((name) => ({ value: name, text: name }))}
          onChoose={(service) => setParams({ service })}
        />
      )}
      <Choice
        label={m.state}
        value={filter.state === 'all' ? '' : filter.state}
        all={m.allStates}
        options={[
          { value: 'open', text: m.isActive },
          { value: 'resolved', text: m.isResolved },
        ]}
        onChoose={(state) => setParams({ state })}
      />
    </>
  );
}

function StateBadge({ alert }: { alert: Alert }) {
  const isOver = alert.state === 'resolved';
  return (
    <span class="row wrap">
      {!isOver && <LevelBadge level={alert.level} word={a.value.isActive} />}
      {isOver && !alert.silenced && <LevelBadge level="ok" word={a.value.isResolved} />}
      <Untold alert={alert} />
    </span>
  );
}

function Line({ alert }: { alert: Alert }) {
  const m = a.value;
  const who = alert.acknowledged;
  return (
    <tr data-alert={alert.id} data-state={alert.state}>
      <td>
        <LevelIcon level={alert.level} size={16} />
      </td>
      <td class="tn" data-label={m.began}>
        {stamp(alert.fired)}
      </td>
      <td class="tn muted" data-label={m.ended}>
        {alert.resolved === null ? t.value.none : stamp(alert.resolved)}
      </td>
      <td class="wide">
        <a class="strong" href={hrefWith('/alerts', { alert: String(alert.id), incident: String(alert.incident) })}>
          {ruleName(alert.name)}
        </a>
      </td>
      <td class="muted ell al-where" data-label={m.where} title={place(alert)}>
        {place(alert)}
      </td>
      <td class="n" data-label={m.duration}>
        {lasted(alert)}
      </td>
      <td class="muted" data-label={m.acknowledgedWord}>
        {who === null ? t.value.none : m.whoAfter(who.by, span(Math.max(0, who.at - alert.fired)))}
      </td>
      <td>
        <StateBadge alert={alert} />
      </td>
    </tr>
  );
}

function Table({ rows }: { rows: readonly Alert[] }) {
  const m = a.value;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={t.value.tableOf(m.tabHistory)}>
      <table class="tbl end stacked">
        <thead>
          <tr>
            <th scope="col">
              <span class="sr">{m.severity}</span>
            </th>
            <th scope="col">{m.began}</th>
            <th scope="col">{m.ended}</th>
            <th scope="col">{m.rule}</th>
            <th scope="col">{m.where}</th>
            <th scope="col" class="n">
              {m.duration}
            </th>
            <th scope="col">{m.acknowledgedWord}</th>
            <th scope="col">{m.state}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((alert) => (
            <Line key={alert.id} alert={alert} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface Older {
  key: string;
  rows: readonly Alert[];
  isEnd: boolean;
}

export function HistoryTab() {
  const m = a.value;
  const filter = filterOf();
  const key = `${JSON.stringify(filter)} ${shown.value.key}`;
  const ask = async (before: number | null, signal?: AbortSignal) => {
    const question = { ...filter, ...shown.peek().at(clock.now()), limit: PAGE_ROWS, before };
    return (await alerts.list(question, signal)).alerts;
  };
  const answer = useAnswer(`${key} ${changed.value}`, null, (signal) => ask(null, signal));
  const [older, append] = useState<Older | null>(null);
  const [failure, fail] = useState<string | null>(null);
  const mine = older?.key === key ? older : null;
  const known = new Set((answer.data ?? []).map(({ id }) => id));
  const rows = [...(answer.data ?? []), ...(mine?.rows ?? []).filter(({ id }) => !known.has(id))];
  const mayMore = mine === null ? (answer.data ?? []).length === PAGE_ROWS : !mine.isEnd;
  const more = async () => {
    try {
      const found = await ask(rows.at(-1)?.id ?? null);
      append({ key, rows: [...(mine?.rows ?? []), ...found], isEnd: found.length < PAGE_ROWS });
      fail(null);
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <>
      {rows.length > 0 && <Lanes rows={rows} span={shown.value.at(clock.now())} sub={rangeWords()} />}
      <AnswerCard
        id="al-history"
        title={m.countFired(num(rows.length), rows.length)}
        sub={rangeWords()}
        isFlush
        answer={answer}
        height={320}
        end={
          <span class="row wrap tools al-tools" role="group" aria-label={t.value.filter}>
            <Filters filter={filter} />
            <button class="btn" disabled={rows.length === 0} onClick={() => offer(csv(rows))}>
              <Icon name="download" size={14} />
              CSV
            </button>
          </span>
        }
        foot={
          (mayMore || failure !== null) &&
          rows.length < ROWS_MAX && (
            <footer>
              <span class="grow">{failure !== null && <span class="crit">{failure}</span>}</span>
              <button class="btn sm" onClick={() => void more()}>
                {t.value.older}
              </button>
            </footer>
          )
        }
        isEmpty={() => rows.length === 0}
        empty={<Empty icon="check" title={m.noneFired} text={m.noneFiredText} />}
      >
        {() => <Table rows={rows} />}
      </AnswerCard>
    </>
  );
}
