// The most frequent types of errors, each with its newest example.

import { useState } from 'preact/hooks';

import type { ErrorType } from '../api/types';
import { num, pct, span, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import type { Answer } from '../live/answer';
import { now } from '../live/feed';
import { nameOf } from '../state/scope';
import { AnswerCard } from '../ui/card';
import { Trace } from '../ui/http';
import { Icon } from '../ui/icon';
import { Empty } from '../ui/parts';

export const TYPES_SHOWN = 5;

function originWord(origin: string): string {
  const m = t.value;
  return { request: m.originRequest, span: m.originSpan, log: m.originLog }[origin] ?? origin;
}

/** The example of a type: its stack, and what tells where it happened. */
export function Details({
  stack,
  tags,
  trace,
}: {
  stack: string | null;
  tags: readonly (readonly [string, string | null])[];
  trace: string | null;
}) {
  const m = t.value;
  return (
    <div class="ctx">
      {stack === null || stack === '' ? (
        <p class="sub">{m.noStack}</p>
      ) : (
        <pre class="mono" tabIndex={0} aria-label={m.stack}>
          {stack}
        </pre>
      )}
      <div class="row wrap">
        {tags.map(
          ([name, value]) =>
            value !== null &&
            value !== '' && (
              <span class="tag" key={name}>
                <span class="faint">{name}</span>
                {value}
              </span>
            ),
        )}
        {trace !== null && trace !== '' && (
          <span class="tag">
            <span class="faint">{m.trace}</span>
            <Trace id={trace} />
          </span>
        )}
      </div>
    </div>
  );
}

function Row({ row, most, all }: { row: ErrorType; most: number; all: number }) {
  const m = t.value;
  const [isOpen, open] = useState(false);
  const { last } = row;
  return (
    <li class="etype">
      <button class="etype-h" aria-expanded={isOpen} onClick={() => open(!isOpen)}>
        <Icon name={isOpen ? 'chev' : 'chevr'} size={14} />
        <span class="etype-t">
          <b class="mono ell">{row.type}</b>
          <span class="sub ell">{last.message ?? originWord(row.origin)}</span>
        </span>
        <span class="sub ell d-only etype-w">
          {nameOf(row.service)}
          {last.route !== null && <span class="mono"> {last.route}</span>}
        </span>
        <span class="sub tn d-only" title={stamp(last.time)}>
          {m.ago(span(Math.max(0, now.value - last.time)))}
        </span>
        <span class="meter mini crit d-only" aria-hidden="true">
          <i style={{ width: `${((row.count / most) * 100).toFixed(1)}%` }} />
        </span>
        <span class="etype-n">
          <b class="tn">{num(row.count)}</b>
          <span class="sub tn">{pct(row.count / all, 0)}</span>
        </span>
      </button>
      {isOpen && (
        <Details
          stack={last.stack}
          tags={[
            [m.lastSeen, stamp(last.time)],
            [m.service, nameOf(row.service)],
            [m.seenIn, originWord(row.origin)],
            [m.route, last.route],
            [m.tenant, last.tenant],
          ]}
          trace={last.trace_id}
        />
      )}
    </li>
  );
}

export function ErrorTypes({ answer }: { answer: Answer<ErrorType[]> }) {
  const m = t.value;
  return (
    <AnswerCard
      id="types"
      title={m.errorTypes}
      sub={m.errorTypesSub}
      isFlush
      answer={answer}
      height={200}
      isEmpty={(rows) => rows.length === 0}
      empty={<Empty icon="check" title={m.noErrors} text={m.noErrorsText} />}
    >
      {(rows) => {
        const all = rows.reduce((sum, row) => sum + row.count, 0);
        return (
          <ul class="etypes">
            {rows.map((row) => (
              <Row key={`${row.type} ${row.service} ${row.origin}`} row={row} most={rows[0]?.count ?? 1} all={all} />
            ))}
          </ul>
        );
      }}
    </AnswerCard>
  );
}
