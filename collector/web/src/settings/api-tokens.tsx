// Tokens of the API: one's own, and everybody's for those who administer.

import { useState } from 'preact/hooks';

import { apiTokens, type ApiToken, type Me } from '../api/access';
import { address } from '../api/client';
import { t } from '../i18n/index';
import { role, roleWord, type Role } from '../state/roles';
import { AnswerCard } from '../ui/card';
import { Icon } from '../ui/icon';
import { Empty } from '../ui/parts';
import { mayKeep } from './bound';
import { Field, FormDialog, Select } from './form';
import { useLoaded } from './load';
import { Once, Secret } from './once';
import { knownTenants, roleOptions } from './person';
import { RevokeDialog } from './revoke';
import { Ago, Day, Ends, Mark } from './times';
import { inOrder, type Fresh } from './tokens';
import { s } from './words';

/** Choices of how long one is good, in days; the collector takes 1 to 365. */
const DAYS = [7, 30, 90, 180, 365] as const;
const USUAL_DAYS = '90';

function call(token: string): string {
  return `curl -H 'Authorization: Bearer ${token}' ${address('api/v1/resources')}`;
}

function NewDialog({ me, onDone, onClose }: { me: Me; onDone: (fresh: Fresh) => void; onClose: () => void }) {
  const m = s.value;
  const [name, setName] = useState('');
  const [chosen, choose] = useState<Role>('viewer');
  const [tenant, setTenant] = useState(me.tenant ?? '');
  const [days, setDays] = useState(USUAL_DAYS);
  return (
    <FormDialog
      title={m.apiNewTitle}
      sub={m.apiNewSub}
      icon="key"
      act={m.tokenAct}
      isReady={name.trim() !== ''}
      onClose={onClose}
      onSend={async () => {
        const order = {
          name: name.trim(),
          role: chosen,
          expires_in_days: Number(days),
          ...(tenant.trim() === '' ? {} : { tenant: tenant.trim() }),
        };
        const { token } = await apiTokens.create(order);
        onDone({ name: order.name, token });
      }}
    >
      <Field id="api-name" label={m.tokenName} value={name} onInput={setName} hint={m.tokenNameHint} isFirst />
      <Select
        id="api-role"
        label={m.role}
        value={chosen}
        options={roleOptions(role())}
        onChoose={(value) => choose(value as Role)}
      />
      <Field
        id="api-tenant"
        label={m.tenant}
        value={tenant}
        onInput={setTenant}
        hint={m.userTenantHint}
        offered={knownTenants.value}
        isLocked={me.tenant !== null}
        isOptional
      />
      <Select
        id="api-days"
        label={m.apiDays}
        value={days}
        options={DAYS.map((count) => ({ value: String(count), text: m.apiDaysWord(count) }))}
        onChoose={setDays}
      />
    </FormDialog>
  );
}

function Line({ row, isAll, onRevoke }: { row: ApiToken; isAll: boolean; onRevoke: () => void }) {
  const m = s.value;
  const isGone = row.revoked !== null;
  return (
    <tr data-api-token={row.name} class={isGone ? 'dimv' : ''}>
      <td class="wide">
        <span class="row">
          <span class="strong ell set-name">{row.name}</span>
          {isGone && <Mark look="unk" icon="minus" word={m.tokenRevoked} />}
        </span>
      </td>
      {isAll && (
        <td data-label={m.colOwner} class="ell set-tenant">
          {row.owner}
        </td>
      )}
      <td data-label={m.role}>{roleWord(row.role as Role)}</td>
      <td data-label={m.tenant} class="ell set-tenant">
        {row.tenant ?? <span class="faint">{m.apiSeesAll}</span>}
      </td>
      <td data-label={m.colCreated} class="muted">
        <Day ms={row.created} />
      </td>
      <td data-label={m.colLastUsed} class="muted">
        <Ago ms={row.last_used} />
      </td>
      <td data-label={m.colExpires} class="muted">
        {isGone ? t.value.none : <Ends ms={row.expires} isWarned />}
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

interface TableProps {
  rows: readonly ApiToken[];
  isAll: boolean;
  onRevoke: (row: ApiToken) => void;
}

function Table({ rows, isAll, onRevoke }: TableProps) {
  const m = s.value;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={t.value.tableOf(m.apiTitle)}>
      <table class="tbl end stacked set-list">
        <thead>
          <tr>
            <th scope="col">{m.tokenName}</th>
            {isAll && <th scope="col">{m.colOwner}</th>}
            <th scope="col">{m.role}</th>
            <th scope="col">{m.tenant}</th>
            <th scope="col">{m.colCreated}</th>
            <th scope="col">{m.colLastUsed}</th>
            <th scope="col">{m.colExpires}</th>
            <th scope="col">
              <span class="sr">{m.tokenRevoke}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {inOrder(rows).map((row) => (
            <Line key={row.id} row={row} isAll={isAll} onRevoke={() => onRevoke(row)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Whose({ isAll, onChoose }: { isAll: boolean; onChoose: (isAll: boolean) => void }) {
  const m = s.value;
  return (
    <span class="seg" role="group" aria-label={m.apiWhose}>
      <button aria-pressed={!isAll} onClick={() => onChoose(false)}>
        {m.apiMine}
      </button>
      <button aria-pressed={isAll} onClick={() => onChoose(true)}>
        {m.apiAll}
      </button>
    </span>
  );
}

export function ApiTokens({ me }: { me: Me }) {
  const m = s.value;
  const [isAll, seeAll] = useState(false);
  const answer = useLoaded(`api tokens ${isAll}`, (signal) => apiTokens.list(isAll, signal));
  const [isNew, create] = useState(false);
  const [fresh, show] = useState<Fresh | null>(null);
  const [revoked, revoke] = useState<ApiToken | null>(null);
  return (
    <>
      <AnswerCard
        id="api-tokens"
        title={m.apiTitle}
        sub={m.apiSub}
        isFlush
        answer={answer}
        height={160}
        end={
          <span class="row wrap set-tools">
            {mayKeep('admin') && <Whose isAll={isAll} onChoose={seeAll} />}
            <button class="btn pri" onClick={() => create(true)}>
              <Icon name="plus" size={14} />
              {m.agentNew}
            </button>
          </span>
        }
        isEmpty={(rows) => rows.length === 0}
        empty={<Empty icon="key" title={m.apiNone} text={m.apiNoneText} />}
      >
        {(rows) => <Table rows={rows} isAll={isAll} onRevoke={revoke} />}
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
            <span class="lbl">{m.tokenUse}</span>
            <Secret text={call(fresh.token)} label={m.tokenUse} />
          </div>
        </Once>
      )}
      {revoked && (
        <RevokeDialog
          row={revoked}
          fact={m.apiRevokeFact}
          deed={() => apiTokens.revoke(revoked.id)}
          onClose={() => revoke(null)}
          onDone={answer.retry}
        />
      )}
    </>
  );
}
