// People and their roles: who there is, what they see, and what has to be done about an account.

import { useState } from 'preact/hooks';

import { users, type Me, type UserRow } from '../api/access';
import { num } from '../i18n/format';
import { t } from '../i18n/index';
import { roleWord, type Role } from '../state/roles';
import { AnswerCard } from '../ui/card';
import { Icon } from '../ui/icon';
import { Empty } from '../ui/parts';
import { toast } from '../ui/toast';
import { providerOf } from './account';
import { useLoaded } from './load';
import { Once, Secret } from './once';
import { NewPersonDialog, PersonDialog } from './person';
import { RolesCard } from './roles-card';
import { Ago, Mark } from './times';
import { s } from './words';

function Factor({ row }: { row: UserRow }) {
  const m = s.value;
  if (providerOf(row.origin) !== null) return <span class="faint">{t.value.none}</span>;
  return row.second_factor ? (
    <Mark look="ok" icon="check" word={m.factorOn} />
  ) : (
    <Mark look="warn" icon="warn" word={m.factorOff} />
  );
}

function PersonLine({ row, isMe, onEdit }: { row: UserRow; isMe: boolean; onEdit: () => void }) {
  const m = s.value;
  const provider = providerOf(row.origin);
  const origin = provider === null ? m.userLocal : m.originBy(provider);
  return (
    <tr data-user={row.username} class={row.disabled ? 'dimv' : ''}>
      <td class="wide">
        <span class="row">
          <span class="avatar" aria-hidden="true">
            {row.username.slice(0, 2).toUpperCase()}
          </span>
          <span class="set-name">
            <span class="strong ell block">{row.username}</span>
            <span class="sub">{isMe ? `${origin} · ${m.you}` : origin}</span>
          </span>
          {row.disabled && <Mark look="unk" icon="minus" word={m.userDisabled} />}
        </span>
      </td>
      <td data-label={m.role}>{roleWord(row.role as Role)}</td>
      <td data-label={m.tenant} class="muted ell set-tenant" title={row.tenant ?? undefined}>
        {row.tenant ?? m.everything}
      </td>
      <td data-label={m.colFactor}>
        <Factor row={row} />
      </td>
      <td data-label={m.colLastLogin} class="muted">
        <Ago ms={row.last_login} />
      </td>
      <td data-label={m.colSessions} class="n">
        {num(row.sessions)}
      </td>
      <td class="n">
        <button class="btn sm" aria-label={m.userEditOf(row.username)} onClick={onEdit}>
          {m.userEdit}
        </button>
      </td>
    </tr>
  );
}

interface TableProps {
  rows: readonly UserRow[];
  label: string;
  me: string;
  onEdit: (row: UserRow) => void;
}

function People({ rows, label, me, onEdit }: TableProps) {
  const m = s.value;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={t.value.tableOf(label)}>
      <table class="tbl end stacked set-list">
        <thead>
          <tr>
            <th scope="col">{m.colPerson}</th>
            <th scope="col">{m.role}</th>
            <th scope="col">{m.tenant}</th>
            <th scope="col">{m.colFactor}</th>
            <th scope="col">{m.colLastLogin}</th>
            <th scope="col" class="n">
              {m.colSessions}
            </th>
            <th scope="col">
              <span class="sr">{m.userEdit}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <PersonLine key={row.username} row={row} isMe={row.username === me} onEdit={() => onEdit(row)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A password that nobody has seen yet, and whose it is. */
export interface FreshPassword {
  username: string;
  password: string;
}

export function UsersTab({ me }: { me: Me }) {
  const m = s.value;
  const answer = useLoaded('users', (signal) => users.list(signal));
  const [sought, seek] = useState('');
  const [edited, edit] = useState<string | null>(null);
  const [isNew, create] = useState(false);
  const [fresh, show] = useState<FreshPassword | null>(null);
  const word = sought.trim().toLowerCase();
  const fits = (row: UserRow) => row.username.toLowerCase().includes(word);
  const title = answer.data === null ? m.tabUsers : m.usersCount(answer.data.length);
  const person = answer.data?.find(({ username }) => username === edited);
  return (
    <>
      <AnswerCard
        id="people"
        title={title}
        isFlush
        answer={answer}
        height={240}
        end={
          <span class="row wrap set-tools">
            <span class="in">
              <Icon name="search" size={14} />
              <input
                type="search"
                aria-label={m.usersFind}
                placeholder={m.usersFind}
                autocomplete="off"
                value={sought}
                onInput={(event) => seek(event.currentTarget.value)}
              />
            </span>
            <button class="btn pri" onClick={() => create(true)}>
              <Icon name="plus" size={14} />
              {m.usersNew}
            </button>
          </span>
        }
        isEmpty={(rows) => !rows.some(fits)}
        empty={<Empty icon="users" title={m.usersNone} />}
      >
        {(rows) => (
          <People rows={rows.filter(fits)} label={title} me={me.username} onEdit={({ username }) => edit(username)} />
        )}
      </AnswerCard>
      <RolesCard />
      {isNew && (
        <NewPersonDialog
          onClose={() => create(false)}
          onDone={(made) => {
            create(false);
            show(made);
            toast('ok', m.userCreated(made.username));
            answer.retry();
          }}
        />
      )}
      {person && (
        <PersonDialog
          key={person.username}
          row={person}
          isMe={person.username === me.username}
          onClose={() => edit(null)}
          onChanged={answer.retry}
          onPassword={show}
        />
      )}
      {fresh && (
        <Once title={m.userPasswordTitle(fresh.username)} text={m.userPasswordText} onKept={() => show(null)}>
          <Secret text={fresh.password} label={m.userPasswordTitle(fresh.username)} />
        </Once>
      )}
    </>
  );
}
