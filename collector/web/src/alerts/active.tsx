// What fires now, the gravest first; what is about to; what was over within a day; and one of them in full beside it.

import { useEffect, useRef } from 'preact/hooks';

import { alerts, type Alert, type AlertLevel, type PendingAlert } from '../api/alerts';
import { span } from '../i18n/format';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import * as clock from '../live/clock';
import { now } from '../live/feed';
import { singleKeys } from '../state/prefs';
import { may } from '../state/roles';
import { href, param, setParams } from '../state/route';
import { Failed } from '../ui/card';
import { Choice } from '../ui/filters';
import { Icon } from '../ui/icon';
import { Empty, Skeleton } from '../ui/parts';
import { acknowledge, silenceHour } from './acts';
import { Detail } from './detail';
import { ruleName } from './names';
import { NoticeSwitch } from './notice-switch';
import { Act, LevelIcon, Untold } from './parts';
import { Sign } from './sign';
import { changed, openAlerts, openFailure, openInOrder, reloadAlerts } from './source';
import { countAlerts, lasted, place, threshold, title, value, watched } from './text';
import { a } from './words';

const DAY_MS = 86_400_000;
const RESOLVED_MAX = 50;
const PENDING_EVERY_MS = 10_000;

function select(alert: Pick<Alert, 'id'> | null): void {
  setParams({ alert: alert === null ? null : String(alert.id), incident: null }, true);
}

/** Which of the list is chosen: by its number, or by its incident as links of notices say. */
function chosenOf(rows: readonly Alert[]): Alert | null {
  const id = Number(param('alert'));
  const incident = Number(param('incident'));
  if (id > 0) return rows.find((alert) => alert.id === id) ?? null;
  if (incident > 0) return rows.find((alert) => alert.incident === incident) ?? null;
  return null;
}

function Figures({ alert }: { alert: Alert }) {
  const limit = threshold(alert);
  return (
    <span class="sub al-sub">
      <span class="ell">{place(alert)}</span>
      <span>
        {watched(alert)} <b class="tn">{value(alert)}</b>
        {limit !== '' && <span class="faint tn"> ({limit})</span>}
      </span>
      <span class="tn">{a.value.since(span(Math.max(0, now.value - alert.fired)))}</span>
    </span>
  );
}

function OpenRow({ alert, isChosen }: { alert: Alert; isChosen: boolean }) {
  const m = a.value;
  const name = title(alert);
  return (
    <li class={`al ${isChosen ? 'on' : ''}`} data-alert={alert.id} data-level={alert.level}>
      <LevelIcon level={alert.level} />
      <button class="al-t" aria-pressed={isChosen} onClick={() => select(alert)}>
        <b class="ell">{name}</b>
        <Figures alert={alert} />
      </button>
      <Untold alert={alert} />
      {alert.acknowledged ? (
        <span class="row sub al-who" title={m.acknowledgedBy(alert.acknowledged.by)}>
          <span class="avatar" aria-hidden="true">
            {alert.acknowledged.by.slice(0, 2).toUpperCase()}
          </span>
          {m.isAcknowledged}
          <span class="sr">{m.acknowledgedBy(alert.acknowledged.by)}</span>
        </span>
      ) : (
        <Act needs="operator" class="btn sm" label={m.acknowledgeOf(name)} onAct={() => void acknowledge(alert)}>
          <Icon name="check" size={13} />
          {m.acknowledge}
        </Act>
      )}
    </li>
  );
}

function ResolvedRow({ alert, isChosen }: { alert: Alert; isChosen: boolean }) {
  const m = a.value;
  return (
    <li class={`al nw ${isChosen ? 'on' : ''}`} data-alert={alert.id}>
      <LevelIcon level="ok" />
      <button class="al-t" aria-pressed={isChosen} onClick={() => select(alert)}>
        <span class="muted ell">{title(alert)}</span>
        <span class="sub al-sub">
          <span class="ell">{place(alert)}</span>
          <span>{m.lasted(lasted(alert))}</span>
        </span>
      </button>
      <span class="sub tn">{t.value.ago(span(Math.max(0, now.value - (alert.resolved ?? alert.fired))))}</span>
    </li>
  );
}

function PendingRow({ row }: { row: PendingAlert }) {
  return (
    <li class="al nw">
      <span class="si unk">
        <Sign name="hourglass" size={16} />
      </span>
      <span class="al-t">
        <span class="ell">{ruleName(row.name)}</span>
        <span class="sub al-sub">
          <span class="ell">{place(row)}</span>
        </span>
      </span>
      <span class="sub tn">{a.value.firesIn(span(Math.max(0, row.due - now.value)))}</span>
    </li>
  );
}

/** Keys of the list. They come before those of every page: A leads here from elsewhere. */
function useKeys(rows: readonly Alert[], chosen: Alert | null): void {
  const latest = useRef({ rows, chosen });
  latest.current = { rows, chosen };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!singleKeys.peek() || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target as HTMLElement;
      if (target.closest('input, textarea, select') || document.querySelector('dialog[open]')) return;
      const all = latest.current.rows;
      const one = latest.current.chosen;
      const at = one === null ? -1 : all.indexOf(one);
      const move = (to: number) => {
        const next = all[Math.min(all.length - 1, Math.max(0, to))];
        if (!next) return;
        select(next);
        document.querySelector(`[data-alert="${next.id}"]`)?.scrollIntoView({ block: 'nearest' });
      };
      const acts: Record<string, () => void> = {
        j: () => move(at + 1),
        k: () => move(at - 1),
        a: () => one?.state === 'firing' && one.acknowledged === null && may('operator') && void acknowledge(one),
        s: () => one?.state === 'firing' && may('operator') && void silenceHour(one),
      };
      const act = acts[event.key.toLowerCase()];
      if (!act) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    };
    addEventListener('keydown', onKey, true);
    return () => removeEventListener('keydown', onKey, true);
  }, []);
}

function Head({ count, level }: { count: number; level: string }) {
  const m = a.value;
  return (
    <header class="al-head">
      <h2>{m.countActive(count)}</h2>
      <span class="end">
        <Choice
          label={m.severity}
          value={level}
          all={m.all}
          options={[
            { value: 'critical', text: m.critical },
            { value: 'warning', text: m.warning },
          ]}
          onChoose={(chosen) => setParams({ level: chosen })}
        />
        <a class="btn" href={href('/silences')}>
          <Sign name="mute" size={14} />
          {m.silenceMore}
        </a>
      </span>
    </header>
  );
}

function OpenList({ rows, chosen }: { rows: readonly Alert[]; chosen: Alert | null }) {
  const m = a.value;
  if (openAlerts.value === null) {
    if (openFailure.value !== null) return <Failed text={openFailure.value} onRetry={() => void reloadAlerts()} />;
    return (
      <div class="pad">
        <Skeleton height={160} />
      </div>
    );
  }
  if (rows.length === 0) return <Empty icon="check" title={m.noneActive} text={m.noneActiveText} />;
  return (
    <ul aria-label={m.tabActive}>
      {rows.map((alert) => (
        <OpenRow key={alert.id} alert={alert} isChosen={alert.id === chosen?.id} />
      ))}
    </ul>
  );
}

function Group({ label, children }: { label: string; children: preact.ComponentChildren }) {
  return (
    <>
      <h3 class="sub al-group">{label}</h3>
      <ul aria-label={label}>{children}</ul>
    </>
  );
}

export function ActiveTab() {
  const m = a.value;
  const level = (param('level') ?? '') as AlertLevel | '';
  const open = openInOrder.value.filter((alert) => level === '' || alert.level === level);
  const past = useAnswer(`resolved ${level} ${changed.value}`, null, async (signal) => {
    const from = clock.now() - DAY_MS;
    return (await alerts.list({ state: 'resolved', from, level: level || null, limit: RESOLVED_MAX }, signal)).alerts;
  });
  const pending = useAnswer(`pending ${changed.value}`, PENDING_EVERY_MS, alerts.pending);
  const resolved = past.data ?? [];
  const rows = [...open, ...resolved];
  const named = chosenOf(rows);
  // On a wide page the gravest stands there by itself; on a phone the list comes first.
  const isByItself = param('alert') === null && param('incident') === null;
  const chosen = isByItself ? (open[0] ?? null) : named;
  const incident = chosen?.incident ?? (Number(param('incident')) || null);
  useKeys(rows, chosen);
  return (
    <>
      <NoticeSwitch />
      <div class="g12">
        <section class="card c7 al-list" aria-label={m.tabActive}>
          <Head count={open.length} level={level} />
          <div class="b flush">
            <OpenList rows={open} chosen={chosen} />
            {(pending.data ?? []).length > 0 && (
              <Group label={m.pending}>
                {pending.data?.map((row) => (
                  <PendingRow key={`${row.rule} ${row.resource} ${JSON.stringify(row.attributes)}`} row={row} />
                ))}
              </Group>
            )}
            {resolved.length > 0 && (
              <Group label={m.resolvedDay}>
                {resolved.map((alert) => (
                  <ResolvedRow key={alert.id} alert={alert} isChosen={alert.id === chosen?.id} />
                ))}
              </Group>
            )}
          </div>
        </section>
        {incident === null ? (
          <section class="card c5 d-only" aria-label={m.detail}>
            <Empty icon="bell" title={m.noneChosen} text={open.length === 0 ? countAlerts(0) : m.noneChosenText} />
          </section>
        ) : (
          <Detail
            key={`${incident} ${chosen?.id ?? ''}`}
            incident={incident}
            alert={chosen}
            isByItself={isByItself}
            onSelect={select}
            onClose={() => setParams({ alert: null, incident: null }, true)}
          />
        )}
      </div>
    </>
  );
}
