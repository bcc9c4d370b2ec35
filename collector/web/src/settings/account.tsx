// One's own account: who it is, its password, its second factor, its sessions.

import { useState } from 'preact/hooks';

import { account, type Me, type SessionRow } from '../api/access';
import { Confirm } from '../cache/confirm';
import { t } from '../i18n/index';
import { roleWord, type Role } from '../state/roles';
import { AnswerCard } from '../ui/card';
import { Empty } from '../ui/parts';
import { toast } from '../ui/toast';
import { browserOf } from './browser';
import { Field, FormDialog } from './form';
import { useLoaded } from './load';
import { reason, told } from './refusal';
import { SecondFactor } from './second-factor';
import { Ago, Ends, Mark } from './times';
import { s } from './words';

/** The name of the provider that keeps the account; null for a local one. */
export function providerOf(origin: string): string | null {
  return origin.startsWith('oidc:') ? origin.slice('oidc:'.length) : null;
}

/** How somebody signs in, in words. */
function originWord(origin: string): string {
  const m = s.value;
  const [kind, ...name] = origin.split(':');
  if (kind === 'oidc') return m.originBy(name.join(':'));
  return kind === 'issuer' ? m.originIssuer(name.join(':')) : m.originLocal;
}

/** Why password and second factor cannot be changed here; null when they can. */
export function whyNot(me: Me): string | null {
  const provider = providerOf(me.origin);
  if (provider !== null) return s.value.elsewhere(provider);
  return me.credential === 'session' ? null : s.value.notSession;
}

function Who({ me }: { me: Me }) {
  const m = s.value;
  return (
    <section class="card" aria-labelledby="who">
      <header>
        <h2 id="who">{m.accountTitle}</h2>
      </header>
      <div class="b">
        <div class="row set-who">
          <span class="avatar" aria-hidden="true">
            {me.username.slice(0, 2).toUpperCase()}
          </span>
          <span class="grow">
            <b class="anywhere">{me.username}</b>
            <span class="sub block">{roleWord(me.role as Role)}</span>
          </span>
        </div>
        <dl class="set-facts">
          <div>
            <dt>{m.sees}</dt>
            <dd>{me.tenant === null ? m.seesAll : m.seesOne(me.tenant)}</dd>
          </div>
          <div>
            <dt>{m.origin}</dt>
            <dd>{originWord(me.origin)}</dd>
          </div>
        </dl>
      </div>
    </section>
  );
}

function PasswordDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const m = s.value;
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const isSame = next === again;
  return (
    <FormDialog
      title={m.passwordChange}
      sub={m.passwordText}
      icon="key"
      act={m.passwordChange}
      isReady={current !== '' && next !== '' && isSame}
      onClose={onClose}
      onSend={async () => {
        await account.password(current, next);
        onDone();
      }}
    >
      <Field
        id="current"
        label={m.passwordCurrent}
        type="password"
        autocomplete="current-password"
        maxLength={PASSWORD_MAX}
        value={current}
        onInput={setCurrent}
        isFirst
      />
      <Field
        id="next"
        label={m.passwordNew}
        type="password"
        autocomplete="new-password"
        maxLength={PASSWORD_MAX}
        value={next}
        onInput={setNext}
        hint={m.passwordRule}
      />
      <Field
        id="again"
        label={m.passwordAgain}
        type="password"
        autocomplete="new-password"
        maxLength={PASSWORD_MAX}
        value={again}
        onInput={setAgain}
        fault={again !== '' && !isSame ? m.passwordDiffer : null}
      />
    </FormDialog>
  );
}

/** The field takes more than the collector does, so that a long one is refused and not cut. */
const PASSWORD_MAX = 1_024;

function Password({ me, onChange }: { me: Me; onChange: () => void }) {
  const m = s.value;
  const [isOpen, open] = useState(false);
  const why = whyNot(me);
  return (
    <section class="card" aria-labelledby="password-card">
      <header>
        <h2 id="password-card">{m.passwordTitle}</h2>
      </header>
      <div class="b set-acts">
        <p class="muted" id="password-why">
          {why ?? m.passwordText}
        </p>
        <div class="row wrap">
          <button class="btn" disabled={why !== null} aria-describedby="password-why" onClick={() => open(true)}>
            {m.passwordChange}
          </button>
        </div>
      </div>
      {isOpen && (
        <PasswordDialog
          onClose={() => open(false)}
          onDone={() => {
            open(false);
            toast('ok', m.passwordDone);
            onChange();
          }}
        />
      )}
    </section>
  );
}

/** What a session is called in a list. */
export function sessionName({ agent }: Pick<SessionRow, 'agent'>): string {
  const m = s.value;
  const found = browserOf(agent);
  if (found === null) return m.sessionUnknown;
  const [browser, system] = found;
  return system === null ? browser : m.sessionOn(browser, system);
}

function SessionLine({ row, onEnd }: { row: SessionRow; onEnd: () => void }) {
  const m = s.value;
  const name = sessionName(row);
  return (
    <tr data-session={row.current ? 'current' : 'other'}>
      <td class="wide">
        <span class="row">
          <span class="strong ell" title={row.agent ?? undefined}>
            {name}
          </span>
          {row.current && <Mark look="ok" icon="check" word={m.sessionThis} />}
        </span>
      </td>
      <td data-label={m.sessionAddress} class="mono">
        {row.address ?? t.value.none}
      </td>
      <td data-label={m.sessionSince} class="muted">
        <Ago ms={row.created} />
      </td>
      <td data-label={m.sessionSeen} class="muted">
        <Ago ms={row.last_seen} />
      </td>
      <td data-label={m.sessionExpires} class="muted">
        <Ends ms={row.expires} />
      </td>
      <td class="n">
        {!row.current && (
          <button class="btn sm" aria-label={m.sessionEndOf(name)} onClick={onEnd}>
            {m.sessionEnd}
          </button>
        )}
      </td>
    </tr>
  );
}

function Sessions({ version }: { version: number }) {
  const m = s.value;
  const answer = useLoaded(`sessions ${version}`, (signal) => account.sessions(signal));
  const [isAsking, ask] = useState(false);
  const end = async (row: SessionRow) => {
    try {
      await account.endSession(row.id);
      toast('ok', m.sessionEnded);
    } catch (error) {
      toast('crit', reason(error));
    }
    answer.retry();
  };
  const others = (answer.data ?? []).filter(({ current }) => !current).length;
  const title = m.sessionsTitle;
  return (
    <AnswerCard
      id="sessions"
      title={title}
      sub={answer.data === null ? undefined : m.sessionsSub(answer.data.length)}
      class="set-wide"
      isFlush
      answer={answer}
      height={120}
      end={
        <button class="btn sm" disabled={others === 0} onClick={() => ask(true)}>
          {m.sessionOthers}
        </button>
      }
      foot={
        isAsking && (
          <Confirm
            title={m.sessionOthersTitle}
            sub={m.sessionOthersSub}
            facts={[m.sessionOthersFact(others)]}
            keep={m.sessionOthersKeep}
            act={m.sessionOthers}
            onClose={() => ask(false)}
            onAct={async () => {
              await told(account.endOthers());
              ask(false);
              toast('ok', m.sessionOthersDone);
              answer.retry();
            }}
          />
        )
      }
      isEmpty={(rows) => rows.length === 0}
      empty={<Empty icon="key" title={m.notSession} />}
    >
      {(rows) => (
        <div class="scroll-x" tabIndex={0} role="region" aria-label={t.value.tableOf(title)}>
          <table class="tbl end stacked set-list">
            <thead>
              <tr>
                <th scope="col">{title}</th>
                <th scope="col">{m.sessionAddress}</th>
                <th scope="col">{m.sessionSince}</th>
                <th scope="col">{m.sessionSeen}</th>
                <th scope="col">{m.sessionExpires}</th>
                <th scope="col">
                  <span class="sr">{m.sessionEnd}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {[...rows]
                .sort((a, b) => Number(b.current) - Number(a.current) || (b.last_seen ?? 0) - (a.last_seen ?? 0))
                .map((row) => (
                  <SessionLine key={row.id} row={row} onEnd={() => void end(row)} />
                ))}
            </tbody>
          </table>
        </div>
      )}
    </AnswerCard>
  );
}

export function AccountTab({ me, onChange }: { me: Me; onChange: () => void }) {
  // What changes the account ends sessions: both are asked for anew.
  const [version, changed] = useState(0);
  const again = () => {
    changed((count) => count + 1);
    onChange();
  };
  return (
    <div class="set-grid">
      <Who me={me} />
      <Password me={me} onChange={again} />
      <SecondFactor me={me} onChange={again} />
      <Sessions version={version} />
    </div>
  );
}
