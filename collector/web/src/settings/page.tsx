// The settings: one page of parts, each with an address of its own.

import type { FunctionComponent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { account, type Me } from '../api/access';
import { t } from '../i18n/index';
import { Shell } from '../shell/shell';
import { may, type Role } from '../state/roles';
import { href, path } from '../state/route';
import { Failed } from '../ui/card';
import { Empty, Skeleton } from '../ui/parts';
import { AccountTab } from './account';
import { AuditTab } from './audit';
import { boundTo, whyLocked } from './bound';
import { useLoaded } from './load';
import { TokensTab } from './tokens';
import { UsersTab } from './users';
import { s } from './words';
import '../css/settings.css';

interface Tab {
  name: string;
  word: 'tabAccount' | 'tabUsers' | 'tabTokens' | 'tabAudit';
  least: Role;
  /** It is about the whole house: nothing for those who see one tenant only. */
  isWhole: boolean;
  Body: FunctionComponent<{ me: Me; onChange: () => void }>;
}

const ACCOUNT: Tab = { name: 'account', word: 'tabAccount', least: 'viewer', isWhole: false, Body: AccountTab };

const TABS: readonly Tab[] = [
  ACCOUNT,
  { name: 'users', word: 'tabUsers', least: 'super_admin', isWhole: true, Body: UsersTab },
  { name: 'tokens', word: 'tabTokens', least: 'viewer', isWhole: false, Body: TokensTab },
  { name: 'audit', word: 'tabAudit', least: 'admin', isWhole: true, Body: AuditTab },
];

function isOpen({ least, isWhole }: Tab): boolean {
  return may(least) && !(isWhole && boundTo() !== null);
}

function Tabs({ chosen }: { chosen: Tab }) {
  const m = s.value;
  const row = useRef<HTMLElement>(null);
  // On a phone not all of them have room.
  useEffect(() => {
    row.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [chosen]);
  return (
    <nav ref={row} class="set-tabs" aria-label={m.tabs}>
      {TABS.filter((tab) => isOpen(tab)).map((tab) => (
        <a key={tab.name} href={href(`/settings/${tab.name}`)} aria-current={tab === chosen ? 'page' : undefined}>
          {m[tab.word]}
        </a>
      ))}
    </nav>
  );
}

/** Whoever follows a link to a part that is not theirs is told whose it is. */
function Locked({ tab }: { tab: Tab }) {
  return (
    <section class="card">
      <div class="b">
        <Empty icon="shield" title={s.value.lockedTitle} text={whyLocked(tab.least)} />
      </div>
    </section>
  );
}

function Chosen({ tab }: { tab: Tab }) {
  const me = useLoaded('me', (signal) => account.me(signal));
  if (!isOpen(tab)) return <Locked tab={tab} />;
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
