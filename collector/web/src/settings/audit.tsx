// The audit log: who did what and when, filtered by the address, page by page, and as a file.

import { useState } from 'preact/hooks';

import { audit, AUDIT_FORMATS, type AuditFilter, type AuditRow } from '../api/access';
import { resultLook } from '../cache/recent';
import { num } from '../i18n/format';
import { t } from '../i18n/index';
import { roleWord, type Role } from '../state/roles';
import { param, setParams } from '../state/route';
import { AnswerCard } from '../ui/card';
import { Choice } from '../ui/filters';
import { Icon } from '../ui/icon';
import { Empty } from '../ui/parts';
import { ACTIONS, doneWord } from './actions';
import { useLoaded } from './load';
import { reason } from './refusal';
import { Mark, Stamp } from './times';
import { s } from './words';

const PAGE_ROWS = 50;
/** More are read from a file: a page of so many rows is slow and nobody reads it. */
const ROWS_MAX = 1_000;

/** Midnight here of a day written as 2026-03-12, so many days later; null when that is not a day. */
export function midnight(day: string | null, later = 0): number | null {
  const [, year, month, date] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day ?? '') ?? [];
  if (year === undefined || month === undefined || date === undefined) return null;
  const time = new Date(Number(year), Number(month) - 1, Number(date) + later).getTime();
  return Number.isNaN(time) ? null : time;
}

/** What the address asks for. The last day is meant whole. */
function filterOf(): AuditFilter {
  return {
    action: param('action'),
    username: param('person'),
    from: midnight(param('since')),
    to: midnight(param('until'), 1),
  };
}

function DayChoice({ name, label }: { name: 'since' | 'until'; label: string }) {
  const value = param(name) ?? '';
  return (
    <label class={`choice ${value === '' ? '' : 'on'}`}>
      <span class="lbl-in">{label}</span>
      <input
        type="date"
        value={value}
        min={name === 'until' ? (param('since') ?? undefined) : undefined}
        max={name === 'since' ? (param('until') ?? undefined) : undefined}
        onChange={(event) => setParams({ [name]: event.currentTarget.value })}
      />
    </label>
  );
}

function Filters({ filter }: { filter: AuditFilter }) {
  const m = s.value;
  const options = ACTIONS.map((action) => ({ value: action, text: doneWord(action) }));
  const chosen = filter.action;
  if (chosen !== null && !ACTIONS.includes(chosen)) options.push({ value: chosen, text: chosen });
  const isAny = Object.values(filter).some((value) => value !== null);
  return (
    <div class="row wrap tools set-filters" role="group" aria-label={m.auditFilters}>
      <Choice
        label={m.auditAction}
        value={chosen ?? ''}
        all={m.auditAny}
        options={options}
        onChoose={(action) => setParams({ action })}
      />
      <label class={`choice ${filter.username === null ? '' : 'on'}`}>
        <span class="lbl-in">{m.auditPerson}</span>
        <input
          type="text"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          placeholder={m.auditAnyone}
          value={filter.username ?? ''}
          onChange={(event) => setParams({ person: event.currentTarget.value.trim() })}
        />
      </label>
      <DayChoice name="since" label={m.auditFrom} />
      <DayChoice name="until" label={m.auditTo} />
      {isAny && (
        <button class="btn ghost" onClick={() => setParams({ action: null, person: null, since: null, until: null })}>
          <Icon name="x" size={14} />
          {m.auditClear}
        </button>
      )}
    </div>
  );
}

/** What a line says of the particulars: names and values as they were written. */
export function particulars(detail: unknown): [name: string, value: string][] {
  if (typeof detail !== 'object' || detail === null) return [];
  return Object.entries(detail)
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
}

function Detail({ row, id }: { row: AuditRow; id: string }) {
  const m = s.value;
  const known: [string, string | null][] = [
    [m.auditNumber, String(row.id)],
    [m.auditRole, row.role === null || row.role === '' ? null : roleWord(row.role as Role)],
    [m.auditAddress, row.address],
    [m.auditCount, row.count === null ? null : num(row.count)],
    [m.auditReason, row.reason],
  ];
  const facts = known.filter(([, value]) => value !== null && value !== '');
  return (
    <dl class="set-facts set-detail" id={id}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class="anywhere">{value}</dd>
        </div>
      ))}
      {particulars(row.detail).map(([name, value]) => (
        <div key={`detail ${name}`}>
          <dt class="mono">{name}</dt>
          <dd class="mono anywhere">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Line({ row }: { row: AuditRow }) {
  const m = s.value;
  const [isOpen, open] = useState(false);
  const look = resultLook(row.result);
  const id = `audit-${row.id}`;
  const target = row.target ?? '';
  return (
    <>
      <tr data-action={row.action}>
        <td class="muted tn">
          <Stamp ms={row.time} />
        </td>
        <td class="strong ell set-tenant" title={row.username}>
          {row.username}
        </td>
        <td>{doneWord(row.action)}</td>
        <td class={`ell wide set-target ${target === '' ? 'm-hide' : ''}`} title={target}>
          {target === '' ? t.value.none : target}
        </td>
        <td>
          <Mark
            look={look.class as 'ok' | 'warn' | 'crit' | 'unk'}
            icon={look.icon}
            word={look.word}
            title={row.result}
          />
        </td>
        <td class="n">
          <button
            class="btn-icon"
            aria-expanded={isOpen}
            aria-controls={isOpen ? id : undefined}
            aria-label={m.auditDetailOf(row.id)}
            onClick={() => open(!isOpen)}
          >
            <Icon name={isOpen ? 'chev' : 'chevr'} size={14} />
          </button>
        </td>
      </tr>
      {isOpen && (
        <tr class="set-open">
          <td colSpan={6} class="wide">
            <Detail row={row} id={id} />
          </td>
        </tr>
      )}
    </>
  );
}

function Lines({ rows }: { rows: readonly AuditRow[] }) {
  const m = s.value;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={t.value.tableOf(m.auditTitle)}>
      <table class="tbl end stacked set-list">
        <thead>
          <tr>
            <th scope="col">{t.value.colWhen}</th>
            <th scope="col">{t.value.colWho}</th>
            <th scope="col">{t.value.colAction}</th>
            <th scope="col">{t.value.colTarget}</th>
            <th scope="col">{t.value.colResult}</th>
            <th scope="col">
              <span class="sr">{m.auditDetail}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Line key={row.id} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What came after the first page, for one filter. */
interface Older {
  key: string;
  rows: readonly AuditRow[];
  next: string | null;
}

export function AuditTab() {
  const m = s.value;
  const filter = filterOf();
  const key = JSON.stringify(filter);
  const answer = useLoaded(key, (signal) => audit.page(filter, null, PAGE_ROWS, signal));
  const [older, append] = useState<Older | null>(null);
  const [isBusy, busy] = useState(false);
  const [failure, fail] = useState<string | null>(null);
  const mine = older?.key === key ? older : null;
  const next = mine === null ? (answer.data?.next ?? null) : mine.next;
  const more = async () => {
    busy(true);
    fail(null);
    try {
      const page = await audit.page(filter, next, PAGE_ROWS);
      append({ key, rows: [...(mine?.rows ?? []), ...page.entries], next: page.next });
    } catch (error) {
      fail(reason(error));
    }
    busy(false);
  };
  const count = (answer.data?.entries.length ?? 0) + (mine?.rows.length ?? 0);
  return (
    <>
      <Filters filter={filter} />
      <AnswerCard
        id="audit"
        title={m.auditTitle}
        sub={m.auditSub}
        isFlush
        answer={answer}
        height={320}
        end={
          <span class="row wrap set-tools" role="group" aria-label={m.auditExport}>
            <span class="sub">{m.auditExport}</span>
            {AUDIT_FORMATS.map((format) => (
              <a key={format} class="btn sm" href={audit.file(filter, format)} download={`farol-audit.${format}`}>
                {format.toUpperCase()}
              </a>
            ))}
          </span>
        }
        foot={
          answer.data !== null &&
          count > 0 && (
            <footer>
              <span class="grow">{m.auditShown(num(count))}</span>
              {failure !== null && (
                <span class="crit" role="alert">
                  {failure}
                </span>
              )}
              {next !== null && count < ROWS_MAX && (
                <button class="btn sm" disabled={isBusy} aria-busy={isBusy} onClick={() => void more()}>
                  {m.auditMore}
                </button>
              )}
            </footer>
          )
        }
        isEmpty={({ entries }) => entries.length === 0}
        empty={<Empty icon="list" title={m.auditNone} text={m.auditNoneText} />}
      >
        {({ entries }) => <Lines rows={[...entries, ...(mine?.rows ?? [])]} />}
      </AnswerCard>
    </>
  );
}
