// What was done to the cache lately, from the audit log; and what can still be taken back.

import { cache, type AuditEntry } from '../api/cache';
import { hhmm, num, span, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import { now } from '../live/feed';
import { may, role, roleWord } from '../state/roles';
import { AnswerCard } from '../ui/card';
import { Icon, type IconName } from '../ui/icon';
import { Empty } from '../ui/parts';
import { acted, takeBack, undoables } from './undo';

const SHOWN = 20;
const ASK_MS = 15_000;

/** What an action is called; one that is not known keeps its own name. */
export function actionWord({ action, target }: Pick<AuditEntry, 'action' | 'target'>): string {
  const m = t.value;
  if (action.includes('inspect')) return m.actionInspect;
  if (action.includes('flush')) return m.actionFlush;
  if (action.includes('undo') || action.includes('restore')) return m.actionUndo;
  if (action.includes('preview')) return m.actionPreview;
  if (action.includes('cancel')) return m.actionStop;
  if (action.includes('pattern') || (action.includes('del') && (target ?? '').includes('*'))) return m.actionPattern;
  return action.includes('del') ? m.actionDelete : action;
}

type Look = { class: string; icon: IconName; word: string };

/** Shape, colour and word of how it went. */
export function resultLook(result: string): Look {
  const m = t.value;
  const text = result.toLowerCase();
  if (/^(ok|done|success|succeeded)$/.test(text)) return { class: 'ok', icon: 'check', word: m.resultDone };
  if (/refus|denied|forbidden/.test(text)) return { class: 'crit', icon: 'crit', word: m.resultRefused };
  if (/cancel/.test(text)) return { class: 'warn', icon: 'warn', word: m.resultStopped };
  if (/partial/.test(text)) return { class: 'warn', icon: 'warn', word: m.resultPartial };
  if (/start|running|asked|pending/.test(text)) return { class: 'unk', icon: 'clock', word: m.resultRunning };
  if (/fail|error/.test(text)) return { class: 'crit', icon: 'crit', word: m.resultFailed };
  return { class: 'unk', icon: 'ghost', word: result };
}

function Undoables() {
  const m = t.value;
  const alive = undoables.value.filter((one) => one.until > now.value);
  if (alive.length === 0) return null;
  return (
    <ul class="undoables">
      {alive.map((one) => (
        <li key={one.undo} class="row wrap">
          <Icon name="undo" size={14} />
          <span class="grow">
            {one.text} <span class="faint">{m.undoUntil(hhmm(one.until))}</span>
          </span>
          <button class="btn sm" onClick={() => void takeBack(one)}>
            {m.undo}
          </button>
        </li>
      ))}
    </ul>
  );
}

function Row({ entry }: { entry: AuditEntry }) {
  const m = t.value;
  const look = resultLook(entry.result);
  const what = entry.detail?.pattern ?? entry.detail?.key ?? '';
  return (
    <tr>
      <td class="muted tn" title={stamp(entry.time)}>
        {m.ago(span(Math.max(0, now.value - entry.time)))}
      </td>
      <td>{entry.username}</td>
      <td>{actionWord(entry)}</td>
      <td class="ell target wide" title={what}>
        {what === '' ? '' : <span class="mono">{what} </span>}
        <span class="sub">{entry.target ?? m.none}</span>
      </td>
      <td class="n">{entry.count === null ? m.none : m.countKeys(num(entry.count), entry.count)}</td>
      <td class={`ell reason ${(entry.reason ?? '') === '' ? 'm-hide' : ''}`} title={entry.reason ?? undefined}>
        {entry.reason === null || entry.reason === '' ? m.none : entry.reason}
      </td>
      <td>
        <span class={`badge ${look.class}`} title={entry.result}>
          <Icon name={look.icon} size={12} />
          {look.word}
        </span>
      </td>
    </tr>
  );
}

function Audited() {
  const m = t.value;
  const answer = useAnswer(`audit ${acted.value}`, ASK_MS, async (signal) =>
    (await cache.audit(SHOWN, signal)).entries.filter(({ action }) => action.startsWith('redis.')),
  );
  return (
    <AnswerCard
      id="recent"
      title={m.recentActions}
      sub={m.fromAudit}
      isFlush
      answer={answer}
      height={120}
      isEmpty={(entries) => entries.length === 0 && undoables.value.length === 0}
      empty={<Empty icon="check" title={m.recentNone} text={m.recentNoneText} />}
    >
      {(entries) => (
        <>
          <Undoables />
          <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.recentActions)}>
            <table class="tbl end stacked">
              <thead>
                <tr>
                  <th scope="col">{m.colWhen}</th>
                  <th scope="col">{m.colWho}</th>
                  <th scope="col">{m.colAction}</th>
                  <th scope="col">{m.colTarget}</th>
                  <th scope="col" class="n">
                    {m.colEffect}
                  </th>
                  <th scope="col">{m.colReason}</th>
                  <th scope="col">{m.colResult}</th>
                </tr>
              </thead>
              <tbody>
                {entries.map((entry) => (
                  <Row key={entry.id} entry={entry} />
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </AnswerCard>
  );
}

/** Who may not read the audit log is told so, and who may. */
export function RecentActions() {
  const m = t.value;
  if (may('admin')) return <Audited />;
  return (
    <section class="card" aria-labelledby="recent">
      <header>
        <h2 id="recent">{m.recentActions}</h2>
      </header>
      <div class="b">
        <Empty icon="shield" title={m.recentLocked} text={m.roleNeeded(roleWord('admin'), roleWord(role()))} />
      </div>
    </section>
  );
}
