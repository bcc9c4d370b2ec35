// Dialogs about one person: a new account, its role and tenant, and what ends its access.

import { computed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import { users, type UserChange, type UserRow } from '../api/access';
import { Confirm } from '../cache/confirm';
import { fleet } from '../live/fleet';
import { roleWord, type Role } from '../state/roles';
import { Icon } from '../ui/icon';
import { toast } from '../ui/toast';
import { providerOf } from './account';
import { Field, FormDialog, Select } from './form';
import { made } from './password';
import { told } from './refusal';
import type { FreshPassword } from './users';
import { s } from './words';

const ROLES: readonly Role[] = ['viewer', 'operator', 'admin', 'super_admin'];

/** Roles up to one's own, to choose from. */
export function roleOptions(highest: Role = 'super_admin'): { value: Role; text: string }[] {
  return ROLES.slice(0, ROLES.indexOf(highest) + 1).map((role) => ({ value: role, text: roleWord(role) }));
}

/** Tenants that something was heard of. */
export const knownTenants = computed(() => {
  const found = new Set<string>();
  for (const { row } of fleet.value.values()) if (row.value.tenant !== null) found.add(row.value.tenant);
  return [...found].sort((a, b) => a.localeCompare(b));
});

interface NewProps {
  onDone: (made: FreshPassword) => void;
  onClose: () => void;
}

export function NewPersonDialog({ onDone, onClose }: NewProps) {
  const m = s.value;
  const [username, setUsername] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [tenant, setTenant] = useState('');
  return (
    <FormDialog
      title={m.userNewTitle}
      sub={m.userNewSub}
      icon="users"
      act={m.userNewAct}
      isReady={username.trim() !== ''}
      onClose={onClose}
      onSend={async () => {
        const bound = tenant.trim() === '' ? {} : { tenant: tenant.trim() };
        const { user, password } = await users.create({ username: username.trim(), role, ...bound });
        onDone({ username: user.username, password: password ?? '' });
      }}
    >
      <Field id="new-name" label={m.userName} value={username} onInput={setUsername} isFirst />
      <Select
        id="new-role"
        label={m.role}
        value={role}
        options={roleOptions()}
        onChoose={(value) => setRole(value as Role)}
      />
      <Field
        id="new-tenant"
        label={m.userTenant}
        value={tenant}
        onInput={setTenant}
        hint={m.userTenantHint}
        offered={knownTenants.value}
        isOptional
      />
    </FormDialog>
  );
}

type Asking = 'password' | 'factor' | 'sessions' | 'delete' | null;

interface Props {
  row: UserRow;
  isMe: boolean;
  onClose: () => void;
  onChanged: () => void;
  onPassword: (fresh: FreshPassword) => void;
}

export function PersonDialog(props: Props) {
  const [asking, ask] = useState<Asking>(null);
  return asking === null ? (
    <Edit {...props} onAsk={ask} />
  ) : (
    <Ask {...props} asking={asking} onBack={() => ask(null)} />
  );
}

function Edit({ row, isMe, onClose, onChanged, onAsk }: Props & { onAsk: (asking: Asking) => void }) {
  const m = s.value;
  const [role, setRole] = useState(row.role);
  const [tenant, setTenant] = useState(row.tenant ?? '');
  const [isActive, activate] = useState(!row.disabled);
  const bound = tenant.trim() === '' ? null : tenant.trim();
  const change: UserChange = {
    ...(role === row.role ? {} : { role: role as Role }),
    ...(bound === row.tenant ? {} : { tenant: bound }),
    ...(isActive === !row.disabled ? {} : { disabled: !isActive }),
  };
  const isLocal = providerOf(row.origin) === null;
  const button = (asking: Asking, word: string, isOff = false, look = '') => (
    <button
      type="button"
      class={`btn ${look}`}
      disabled={isOff}
      aria-describedby={isMe && look !== '' ? 'edit-self' : undefined}
      onClick={() => onAsk(asking)}
    >
      {word}
    </button>
  );
  return (
    <FormDialog
      title={row.username}
      sub={isLocal ? m.userLocal : m.originBy(providerOf(row.origin) ?? '')}
      icon="users"
      act={m.save}
      isReady={Object.keys(change).length > 0}
      onClose={onClose}
      onSend={async () => {
        await users.change(row.username, change);
        toast('ok', m.saved);
        onChanged();
        onClose();
      }}
      below={
        <div class="set-below">
          {isLocal && button('password', m.userReset, isMe)}
          {isLocal && button('factor', m.userFactorReset, !row.second_factor || isMe)}
          {button('sessions', m.userSessionsEnd, row.sessions === 0)}
          {button('delete', m.userDelete, isMe, 'danger')}
        </div>
      }
    >
      <Select id="edit-role" label={m.role} value={role} options={roleOptions()} onChoose={setRole} />
      <Field
        id="edit-tenant"
        label={m.userTenant}
        value={tenant}
        onInput={setTenant}
        hint={m.userTenantHint}
        offered={knownTenants.value}
        isOptional
      />
      {row.sessions > 0 && Object.keys(change).length > 0 && (
        <p class="note infoc" role="status">
          <Icon name="info" size={15} />
          <span class="grow">{m.userEnds}</span>
        </p>
      )}
      <div class="row set-switch">
        <span class="grow">
          <span class="lbl block" id="edit-active">
            {m.userActive}
          </span>
          <span class="hint" id="edit-self">
            {isMe ? m.userSelf : m.userActiveHint}
          </span>
        </span>
        <button
          type="button"
          class="switch"
          role="switch"
          aria-checked={isActive}
          aria-labelledby="edit-active"
          aria-describedby="edit-self"
          disabled={isMe}
          onClick={() => activate(!isActive)}
        />
      </div>
    </FormDialog>
  );
}

interface Question {
  title: string;
  sub: string;
  facts: readonly ComponentChildren[];
  keep: string;
  act: string;
  deed: () => Promise<unknown>;
  after: () => void;
}

function question({ row, onPassword, onClose }: Props, asking: Exclude<Asking, null>): Question {
  const m = s.value;
  const name = row.username;
  switch (asking) {
    case 'password': {
      const password = made();
      return {
        title: m.userResetTitle(name),
        sub: m.userResetSub,
        facts: [m.userResetFact],
        keep: m.userResetKeep,
        act: m.userResetAct,
        deed: () => users.change(name, { password }),
        after: () => onPassword({ username: name, password }),
      };
    }
    case 'factor':
      return {
        title: m.userFactorTitle(name),
        sub: m.userFactorSub,
        facts: [m.userFactorFact],
        keep: m.userFactorKeep,
        act: m.userFactorAct,
        deed: () => users.change(name, { reset_second_factor: true }),
        after: () => toast('ok', m.userFactorDone(name)),
      };
    case 'sessions':
      return {
        title: m.userSessionsTitle(name),
        sub: m.userSessionsSub,
        facts: [m.userSessionsFact(row.sessions)],
        keep: m.userSessionsKeep,
        act: m.userSessionsAct,
        deed: () => users.endSessions(name),
        after: () => toast('ok', m.userSessionsDone(name)),
      };
    case 'delete':
      return {
        title: m.userDeleteTitle(name),
        sub: m.userDeleteSub,
        facts: [m.userDeleteFact, m.userDeleteAudit],
        keep: m.userDeleteKeep(name),
        act: m.userDeleteAct(name),
        deed: () => users.remove(name),
        after: () => {
          toast('ok', m.userDeleted(name));
          onClose();
        },
      };
  }
}

function Ask(props: Props & { asking: Exclude<Asking, null>; onBack: () => void }) {
  const { asking, onBack, onChanged, onClose } = props;
  const { title, sub, facts, keep, act, deed, after } = question(props, asking);
  return (
    <Confirm
      title={title}
      sub={sub}
      facts={facts}
      keep={keep}
      act={act}
      onClose={onBack}
      onAct={async () => {
        await told(deed());
        after();
        onChanged();
        onClose();
      }}
    />
  );
}
