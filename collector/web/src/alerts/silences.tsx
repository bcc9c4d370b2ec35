// What is silenced, by whom, why and until when; and a new silence, which always has a reason and an end.

import { useState } from 'preact/hooks';

import { silences, type Silence } from '../api/alerts';
import { refusal } from '../cache/refusal';
import { num, span, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import * as clock from '../live/clock';
import { now } from '../live/feed';
import { Failed } from '../ui/card';
import { Icon } from '../ui/icon';
import { Empty, Skeleton } from '../ui/parts';
import { RoleNote } from '../ui/role-note';
import { toast } from '../ui/toast';
import { TextField } from '../boards/fields';
import { endSilence } from './acts';
import { dayNames, WeekFields } from './hours';
import { MatcherField } from './matcher-field';
import { matches } from './matchers';
import { Act } from './parts';
import { Sign } from './sign';
import { reloadSilences, silenceRows, silencesFailure } from './silence-source';
import {
  emptySilence,
  LENGTHS,
  REASON_MAX,
  silenceFault,
  silenceOf,
  untilOf,
  type Length,
  type SilenceForm,
} from './silence-form';
import { alertsChanged, openAlerts } from './source';
import { a } from './words';

const STATES: Record<Silence['state'], number> = { active: 0, planned: 1, over: 2 };
/** Those that are over are a memory, not a list. */
const OVER_MAX = 20;

function StateMark({ state }: { state: Silence['state'] }) {
  const m = a.value;
  if (state === 'active') {
    return (
      <span class="badge maint">
        <Sign name="mute" size={12} />
        {m.silenceActive}
      </span>
    );
  }
  return (
    <span class="badge unk">
      <Icon name={state === 'planned' ? 'clock' : 'check'} size={12} />
      {state === 'planned' ? m.silencePlanned : m.silenceOver}
    </span>
  );
}

function endText(row: Silence): string {
  const m = a.value;
  if (row.weekly !== null) {
    const { days, start, end } = row.weekly;
    return m.weeklyText(days.map((day) => dayNames()[day - 1] ?? '').join(', '), start, end);
  }
  const left = row.until - now.value;
  return left > 0 ? m.endsIn(span(left)) : t.value.ago(span(-left));
}

function Line({ row }: { row: Silence }) {
  const m = a.value;
  return (
    <tr data-silence={row.id} data-state={row.state} class={row.state === 'over' ? 'dimv' : ''}>
      <td class="wide">
        <span class="row wrap">
          <StateMark state={row.state} />
          {row.matchers.map((word) => (
            <span key={word} class="mono anywhere">
              {word}
            </span>
          ))}
        </span>
        <span class="sub al-reason">{row.reason}</span>
      </td>
      <td data-label={m.who}>{row.by}</td>
      <td class="tn" data-label={m.endsWord} title={stamp(row.until)}>
        {endText(row)}
      </td>
      <td class="n" data-label={m.held}>
        {row.held === 0 ? t.value.none : m.heldNotices(num(row.held), row.held)}
        {row.matching > 0 && <span class="sub al-reason">{m.matchingNow(num(row.matching), row.matching)}</span>}
      </td>
      <td class="n">
        {row.state !== 'over' && (
          <Act
            needs="operator"
            class="btn sm"
            label={m.endOf(row.matchers.join(', '))}
            onAct={() => void endSilence(row.id).then(reloadSilences)}
          >
            {m.endNow}
          </Act>
        )}
      </td>
    </tr>
  );
}

function List() {
  const m = a.value;
  const rows = silenceRows.value;
  if (rows === null) {
    if (silencesFailure.value !== null) {
      return <Failed text={silencesFailure.value} onRetry={() => void reloadSilences()} />;
    }
    return (
      <div class="pad">
        <Skeleton height={200} />
      </div>
    );
  }
  const inOrder = [...rows].sort((x, z) => STATES[x.state] - STATES[z.state] || z.until - x.until);
  const shown = [
    ...inOrder.filter(({ state }) => state !== 'over'),
    ...inOrder.filter(({ state }) => state === 'over').slice(0, OVER_MAX),
  ];
  if (shown.length === 0) return <Empty icon="bell" title={m.noSilences} text={m.silenceHint} />;
  return (
    <>
      <div class="scroll-x" tabIndex={0} role="region" aria-label={t.value.tableOf(m.tabSilences)}>
        <table class="tbl end stacked">
          <thead>
            <tr>
              <th scope="col">{m.appliesTo}</th>
              <th scope="col">{m.who}</th>
              <th scope="col">{m.endsWord}</th>
              <th scope="col" class="n">
                {m.held}
              </th>
              <th scope="col">
                <span class="sr">{m.endNow}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <Line key={row.id} row={row} />
            ))}
          </tbody>
        </table>
      </div>
      <p class="hint pad">{m.silenceHint}</p>
    </>
  );
}

function lengthWord(length: Length): string {
  const m = a.value;
  return { '30m': '30 min', '1h': '1 h', '4h': '4 h', '1d': '1 d', until: m.lengthUntil, weekly: m.lengthWeekly }[
    length
  ];
}

type Change = (some: Partial<SilenceForm>) => void;

function Lengths({ form, change }: { form: SilenceForm; change: Change }) {
  const m = a.value;
  const until = untilOf(form, clock.now());
  return (
    <div class="field">
      <span class="lbl" id="sil-length">
        {m.length}
      </span>
      <span class="seg al-seg" role="group" aria-labelledby="sil-length">
        {LENGTHS.map((length) => (
          <button key={length} type="button" aria-pressed={form.length === length} onClick={() => change({ length })}>
            {lengthWord(length)}
          </button>
        ))}
      </span>
      {form.length === 'until' && (
        <label class="field">
          <span class="lbl">{m.lengthUntil}</span>
          <span class="in">
            <input
              type="datetime-local"
              value={form.until}
              onInput={(event) => change({ until: event.currentTarget.value })}
            />
          </span>
        </label>
      )}
      {form.length === 'weekly' && (
        <>
          <WeekFields id="sil" days={form.days} start={form.start} end={form.end} onChange={change} />
          <label class="field">
            <span class="lbl">{m.lastDay}</span>
            <span class="in">
              <input type="date" value={form.last} onInput={(event) => change({ last: event.currentTarget.value })} />
            </span>
          </label>
        </>
      )}
      <span class="hint">{until === null ? m.needsEnd : m.endsAt(stamp(until).slice(0, -3))}</span>
    </div>
  );
}

function NewSilence() {
  const m = a.value;
  const [form, set] = useState(() => emptySilence(clock.now()));
  const [failure, fail] = useState<string | null>(null);
  const [isBusy, busy] = useState(false);
  const change: Change = (some) => {
    set((old) => ({ ...old, ...some }));
    fail(null);
  };
  const count = (openAlerts.value ?? []).filter((alert) => matches(alert, form.matchers)).length;
  const create = async () => {
    const fault = silenceFault(form, clock.now());
    if (fault !== null) {
      fail(fault);
      return;
    }
    busy(true);
    try {
      await silences.create(silenceOf(form, clock.now()));
      set(emptySilence(clock.now()));
      toast('ok', m.silenceMade);
      void reloadSilences();
      alertsChanged();
    } catch (error) {
      fail(refusal(error));
    }
    busy(false);
  };
  return (
    <section class="card c4" aria-labelledby="al-new-silence">
      <header>
        <h2 id="al-new-silence">{m.newSilence}</h2>
      </header>
      <div class="b al-form">
        <MatcherField matchers={form.matchers} onChange={(matchers) => change({ matchers })} />
        {form.matchers.length > 0 && <p class="hint">{m.holdsNow(num(count), count)}</p>}
        <Lengths form={form} change={change} />
        <TextField
          id="sil-reason"
          label={m.reason}
          hint={m.reasonHint}
          value={form.reason}
          most={REASON_MAX}
          onInput={(reason) => change({ reason })}
        />
        {failure !== null && (
          <p class="note crit" role="alert">
            <Icon name="crit" size={15} />
            <span class="grow">{failure}</span>
          </p>
        )}
        <RoleNote id="sil-role" needs="operator" />
      </div>
      <footer>
        <span class="grow" />
        <button type="button" class="btn" onClick={() => change(emptySilence(clock.now()))}>
          {m.clear}
        </button>
        <Act needs="operator" class="btn pri" isBusy={isBusy} onAct={() => void create()}>
          <Sign name="mute" size={14} />
          {form.length === 'until' || form.length === 'weekly' ? m.silence : m.silenceFor(lengthWord(form.length))}
        </Act>
      </footer>
    </section>
  );
}

export function SilencesTab() {
  const m = a.value;
  const rows = silenceRows.value ?? [];
  const count = (state: Silence['state']) => rows.filter((row) => row.state === state).length;
  return (
    <div class="g12">
      <section class="card c8" aria-labelledby="al-silences">
        <header>
          <h2 id="al-silences">{m.countSilences(count('active'), count('planned'))}</h2>
        </header>
        <div class="b flush">
          <List />
        </div>
      </section>
      <NewSilence />
    </div>
  );
}
