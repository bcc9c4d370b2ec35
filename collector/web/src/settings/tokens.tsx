// Tokens: those that agents deliver with, and those that programs ask the API with.

import { useState } from 'preact/hooks';

import { agentTokens, type AgentToken, type Me } from '../api/access';
import { address } from '../api/client';
import { dayMonth } from '../i18n/format';
import { t } from '../i18n/index';
import { href } from '../state/route';
import { AnswerCard } from '../ui/card';
import { Icon } from '../ui/icon';
import { Command, Empty } from '../ui/parts';
import { ApiTokens } from './api-tokens';
import { mayKeep, whyLocked } from './bound';
import { Field, FormDialog } from './form';
import { useLoaded } from './load';
import { Once, Secret } from './once';
import { knownTenants } from './person';
import { RevokeDialog } from './revoke';
import { Ago, Day, Mark } from './times';
import { s } from './words';

/** What starts an agent; it is the same in every language. */
function command(token: string): string {
  return `FAROL_COLLECTOR_URL=${address('').replace(/\/$/, '')} FAROL_TOKEN=${token} farol-agent run`;
}

/** The good ones first, then the newest. */
export function inOrder<T extends { revoked: number | null; created: number }>(rows: readonly T[]): T[] {
  return [...rows].sort((a, b) => Number(a.revoked !== null) - Number(b.revoked !== null) || b.created - a.created);
}

function Line({ row, onRevoke }: { row: AgentToken; onRevoke: () => void }) {
  const m = s.value;
  const isGone = row.revoked !== null;
  return (
    <tr data-token={row.name} class={isGone ? 'dimv' : ''}>
      <td class="wide">
        <span class="row">
          <span class="strong ell set-name">{row.name}</span>
          {isGone && <Mark look="unk" icon="minus" word={m.tokenRevoked} />}
        </span>
      </td>
      <td data-label={m.tenant} class="ell set-tenant">
        {row.tenant ?? <span class="faint">{m.tokenAny}</span>}
      </td>
      <td data-label={m.colEnvironment} class="ell set-tenant">
        {row.environment ?? <span class="faint">{m.tokenAny}</span>}
      </td>
      <td data-label={m.colCreated} class="muted">
        {row.created_by === null ? <Day ms={row.created} /> : m.createdBy(dayMonth(row.created), row.created_by)}
      </td>
      <td data-label={m.colLastUsed} class="muted">
        <Ago ms={row.last_used} />
      </td>
      <td class="n">
        {!isGone && (
          <button class="btn sm danger" aria-label={m.tokenRevokeOf(row.name)} onClick={onRevoke}>
            {m.tokenRevoke}
          </button>
        )}
      </td>
    </tr>
  );
}

function NewDialog({ me, onDone, onClose }: { me: Me; onDone: (fresh: Fresh) => void; onClose: () => void }) {
  const m = s.value;
  const [name, setName] = useState('');
  const [tenant, setTenant] = useState(me.tenant ?? '');
  const [environment, setEnvironment] = useState('');
  return (
    <FormDialog
      title={m.agentNewTitle}
      sub={m.agentNewSub}
      icon="key"
      act={m.tokenAct}
      isReady={name.trim() !== ''}
      onClose={onClose}
      onSend={async () => {
        const order = {
          name: name.trim(),
          ...(tenant.trim() === '' ? {} : { tenant: tenant.trim() }),
          ...(environment.trim() === '' ? {} : { environment: environment.trim() }),
        };
        const { token } = await agentTokens.create(order);
        onDone({ name: order.name, token });
      }}
    >
      <Field id="token-name" label={m.tokenName} value={name} onInput={setName} hint={m.tokenNameHint} isFirst />
      <Field
        id="token-tenant"
        label={m.tenant}
        value={tenant}
        onInput={setTenant}
        hint={m.agentTenantHint}
        offered={knownTenants.value}
        isLocked={me.tenant !== null}
        isOptional
      />
      <Field
        id="token-environment"
        label={m.agentEnvironment}
        value={environment}
        onInput={setEnvironment}
        hint={m.agentEnvironmentHint}
        isOptional
      />
    </FormDialog>
  );
}

/** A token that nobody has seen yet. */
export interface Fresh {
  name: string;
  token: string;
}

function AgentTokens({ me }: { me: Me }) {
  const m = s.value;
  const answer = useLoaded('agent tokens', (signal) => agentTokens.list(signal));
  const [isNew, create] = useState(false);
  const [fresh, show] = useState<Fresh | null>(null);
  const [revoked, revoke] = useState<AgentToken | null>(null);
  return (
    <>
      <section class="card" aria-labelledby="agent-command">
        <header>
          <h2 id="agent-command">{m.agentCommand}</h2>
        </header>
        <div class="b">
          <Command text={command(t.value.tokenPlaceholder)} />
        </div>
      </section>
      <AnswerCard
        id="agent-tokens"
        title={m.agentTitle}
        sub={m.agentSub}
        isFlush
        answer={answer}
        height={160}
        end={
          <>
            <button class="btn" onClick={() => create(true)}>
              <Icon name="key" size={14} />
              {m.agentNew}
            </button>
            <a class="btn pri" href={href('/add-agent')}>
              <Icon name="plus" size={14} />
              {t.value.addAgent}
            </a>
          </>
        }
        isEmpty={(rows) => rows.length === 0}
        empty={<Empty icon="key" title={m.agentNone} text={m.agentNoneText} />}
      >
        {(rows) => <AgentTable rows={rows} onRevoke={revoke} />}
      </AnswerCard>
      {isNew && (
        <NewDialog
          me={me}
          onClose={() => create(false)}
          onDone={(made) => {
            create(false);
            show(made);
            answer.retry();
          }}
        />
      )}
      {fresh && (
        <Once title={m.tokenTitle(fresh.name)} onKept={() => show(null)}>
          <Secret text={fresh.token} label={m.tokenTitle(fresh.name)} />
          <div class="field">
            <span class="lbl">{m.tokenRun}</span>
            <Secret text={command(fresh.token)} label={m.tokenRun} />
          </div>
        </Once>
      )}
      {revoked && (
        <RevokeDialog
          row={revoked}
          fact={m.agentRevokeFact}
          deed={() => agentTokens.revoke(revoked.id)}
          onClose={() => revoke(null)}
          onDone={answer.retry}
        />
      )}
    </>
  );
}

function AgentTable({ rows, onRevoke }: { rows: readonly AgentToken[]; onRevoke: (row: AgentToken) => void }) {
  const m = s.value;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={t.value.tableOf(m.agentTitle)}>
      <table class="tbl end stacked set-list">
        <thead>
          <tr>
            <th scope="col">{m.tokenName}</th>
            <th scope="col">{m.tenant}</th>
            <th scope="col">{m.colEnvironment}</th>
            <th scope="col">{m.colCreated}</th>
            <th scope="col">{m.colLastUsed}</th>
            <th scope="col">
              <span class="sr">{m.tokenRevoke}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {inOrder(rows).map((row) => (
            <Line key={row.id} row={row} onRevoke={() => onRevoke(row)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Who may not see them is told so, and who may. */
function AgentsLocked() {
  const m = s.value;
  return (
    <section class="card" aria-labelledby="agent-tokens">
      <header>
        <h2 id="agent-tokens">{m.agentTitle}</h2>
      </header>
      <div class="b">
        <Empty icon="shield" title={m.agentLocked} text={whyLocked('admin')} />
      </div>
    </section>
  );
}

export function TokensTab({ me }: { me: Me }) {
  return (
    <>
      {mayKeep('admin') ? <AgentTokens me={me} /> : <AgentsLocked />}
      <ApiTokens me={me} />
    </>
  );
}
