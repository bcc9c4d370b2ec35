// The settings: one page of parts, each with an address of its own.

import type { FunctionComponent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { account, type Me } from '../api/access';
import { t } from '../i18n/index';
import { Shell } from '../shell/shell';
import { may, role, roleWord, type Role } from '../state/roles';
import { href, path } from '../state/route';
import { Failed } from '../ui/card';
import { Empty, Skeleton } from '../ui/parts';
import { AccountTab } from './account';
import { AuditTab } from './audit';
import { useLoaded } from './load';
import { TokensTab } from './tokens';
import { UsersTab } from './users';
import { s } from './words';
import '../css/settings.css';

interface Tab {
  name: string;
  word: 'tabAccount' | 'tabUsers' | 'tabTokens' | 'tabAudit';
  least: Role;
  Body: FunctionComponent<{ me: Me; onChange: () => void }>;
}

const ACCOUNT: Tab = { name: 'account', word: 'tabAccount', least: 'viewer', Body: AccountTab };

const TABS: readonly Tab[] = [
  ACCOUNT,
  { name: 'users', word: 'tabUsers', least: 'super_admin', Body: UsersTab },
  { name: 'tokens', word: 'tabTokens', least: 'viewer', Body: TokensTab },
  { name: 'audit', word: 'tabAudit', least: 'admin', Body: AuditTab },
];

function Tabs({ chosen }: { chosen: Tab }) {
  const m = s.value;
  const row = useRef<HTMLElement>(null);
  // On a phone not all of them have room.
  useEffect(() => {
    row.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [chosen]);
  return (
    <nav ref={row} class="set-tabs" aria-label={m.tabs}>
      {TABS.filter(({ least }) => may(least)).map((tab) => (
        <a key={tab.name} href={href(`/settings/${tab.name}`)} aria-current={tab === chosen ? 'page' : undefined}>
          {m[tab.word]}
        </a>
      ))}
    </nav>
  );
}

/** Whoever follows a link to a part beyond the own role is told whose it is. */
function Locked({ least }: { least: Role }) {
  return (
    <section class="card">
      <div class="b">
        <Empty icon="shield" title={s.value.lockedTitle} text={t.value.roleNeeded(roleWord(least), roleWord(role()))} />
      </div>
    </section>
  );
}

function Chosen({ tab }: { tab: Tab }) {
  const me = useLoaded('me', (signal) => account.me(signal));
  if (!may(tab.least)) return <Locked least={tab.least} />;
  if (me.data !== null) return <tab.Body me={me.data} onChange={me.retry} />;
  if (me.failure === null) return <Skeleton height={320} />;
  return (
    <section class="card">
      <div class="b">
        <Failed text={me.failure} onRetry={me.retry} />
      </div>
    </section>
  );
}

export function SettingsPage() {
  const tab = TABS.find(({ name }) => path.value === `/settings/${name}`) ?? ACCOUNT;
  return (
    <Shell title={t.value.settings} ranges="none">
      <Tabs chosen={tab} />
      <Chosen tab={tab} />
    </Shell>
  );
}
