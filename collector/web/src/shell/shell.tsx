// The frame of every page for a signed-in user: sidebar, top bar, tab bar, overlays.

import type { ComponentChildren } from 'preact';
import { computed } from '@preact/signals';

import { exportWish } from '../export/wish';
import { lang, setLang, t } from '../i18n/index';
import { pausedAt } from '../live/feed';
import { machines, worst, type Resource } from '../live/fleet';
import { openAll, openClass } from '../state/alerts';
import { mayAddAgents, role, roleWord } from '../state/roles';
import { href, path } from '../state/route';
import { services, serviceName } from '../state/scope';
import { session, signOut, version } from '../state/session';
import { Announcer } from '../ui/announcer';
import { Icon, Mark } from '../ui/icon';
import { look, StatusIcon } from '../ui/parts';
import { Toasts } from '../ui/toast';
import { ConnectionBar } from './connection-bar';
import { Late } from './late';
import { isMoreOpen, isSearchOpen, isSheetOpen } from './open';
import { openPages, pageAt, type PageRow } from './pages';
import { contact, rangePicker, TopBar } from './top-bar';

/** More hosts, or services, than this are found by searching. */
const HOSTS_SHOWN = 12;

const listed = computed(() =>
  [...machines.value].sort((a, b) => a.row.value.name.localeCompare(b.row.value.name)).slice(0, HOSTS_SHOWN),
);

/** The colour of the lighthouse: the worst status, grey when nothing can be said. */
export function lightClass(): 'ok' | 'warn' | 'crit' | 'unk' {
  const status = worst.value;
  if (status === null || contact.value === 'lost') return 'unk';
  return look(status).class;
}

function ResourceLink({ resource, name }: { resource: Resource; name: string }) {
  const to = `/resource/${resource.id}`;
  return (
    <a href={href(to)} aria-current={path.value === to ? 'page' : undefined}>
      <StatusIcon status={resource.live.value.status} size={14} />
      <span class="ell">{name}</span>
    </a>
  );
}

function PageLink({ page }: { page: PageRow }) {
  // A dashboard and the adding of an agent have links of their own below.
  const isHere = pageAt(path.value) === page && !path.value.startsWith('/d/') && path.value !== '/add-agent';
  return (
    <a href={href(page.path)} aria-current={isHere ? 'page' : undefined}>
      <Icon name={page.icon} />
      <span class="ell grow">{t.value[page.word]}</span>
      {hasOpen(page) && (
        <span class={`badge ${openClass()}`}>
          {openAll.value}
          <span class="sr"> {t.value.alertsOpen}</span>
        </span>
      )}
    </a>
  );
}

export function LanguageSwitch() {
  return (
    <span class="seg" role="group" aria-label={t.value.language}>
      <button
        aria-pressed={lang.value === 'pt-BR'}
        onClick={() => setLang('pt-BR')}
        lang="pt-BR"
        title="Português (Brasil)"
      >
        PT
      </button>
      <button aria-pressed={lang.value === 'en'} onClick={() => setLang('en')} lang="en" title="English">
        EN
      </button>
    </span>
  );
}

const boardLinks = async () => (await import('../boards/side')).BoardLinks;
const OVERLAYS = [
  { open: isSearchOpen, load: async () => (await import('./search')).Search },
  { open: isSheetOpen, load: async () => (await import('./keys-sheet')).Keys },
  { open: isMoreOpen, load: async () => (await import('./more')).MorePanel },
];
const exportDialog = async () => (await import('../export/dialog')).ExportDialog;

function Sidebar() {
  const m = t.value;
  const who = session.value.state === 'in' ? session.value.user : null;
  return (
    <aside class="side" aria-label={m.menu}>
      <div class={`brand ${lightClass()}`}>
        <Mark />
        Farol
      </div>
      <button class="searchbtn" onClick={() => (isSearchOpen.value = true)}>
        <Icon name="search" size={14} />
        {m.search}
        <kbd>Ctrl K</kbd>
      </button>
      <nav class="nav" aria-label={m.menu}>
        {openPages()
          .filter((page) => page.isFoot !== true)
          .map((page) => (
            <PageLink key={page.path} page={page} />
          ))}
        {services.value.length > 0 && <div class="nav-t">{m.kindServices}</div>}
        {services.value.slice(0, HOSTS_SHOWN).map((resource) => (
          <ResourceLink key={resource.id} resource={resource} name={serviceName(resource)} />
        ))}
        {listed.value.length > 0 && <div class="nav-t">{m.hosts}</div>}
        {listed.value.map((resource) => (
          <ResourceLink key={resource.id} resource={resource} name={resource.row.value.name} />
        ))}
        {mayAddAgents() && (
          <a href={href('/add-agent')} aria-current={path.value === '/add-agent' ? 'page' : undefined}>
            <Icon name="plus" />
            <span class="ell">{m.addAgent}</span>
          </a>
        )}
        <Late load={boardLinks} />
      </nav>
      <div class="side-foot">
        <nav class="nav foot-nav" aria-label={m.settings}>
          {openPages()
            .filter((page) => page.isFoot === true)
            .map((page) => (
              <PageLink key={page.path} page={page} />
            ))}
        </nav>
        <div class="row side-tools">
          <LanguageSwitch />
          <span class="grow" />
          <button
            class="btn-icon"
            aria-label={m.keysTitle}
            title={m.keysTitle}
            onClick={() => (isSheetOpen.value = true)}
          >
            <Icon name="keyboard" />
          </button>
          <button class="btn-icon" aria-label={m.signOut} title={m.signOut} onClick={() => void signOut()}>
            <Icon name="exit" />
          </button>
        </div>
        {who && (
          <a class="me plain" href={href('/settings/account')}>
            <span class="avatar" aria-hidden="true">
              {who.username.slice(0, 2).toUpperCase()}
            </span>
            <span class="grow">
              <b class="ell">{who.username}</b>
              <small>
                {roleWord(role())}
                {version.value !== null && ` · v${version.value}`}
              </small>
            </span>
          </a>
        )}
      </div>
    </aside>
  );
}

function hasOpen({ path: to }: PageRow): boolean {
  return to === '/alerts' && openAll.value > 0;
}

function TabBar() {
  const m = t.value;
  return (
    <nav class="tabbar" aria-label={m.menu}>
      {openPages()
        .filter((page) => page.isTab)
        .map((page) => (
          <a key={page.path} href={href(page.path)} aria-current={pageAt(path.value) === page ? 'page' : undefined}>
            <Icon name={page.icon} size={20} />
            <span class={`ell ${hasOpen(page) ? openClass() : ''}`}>
              {m[page.word]}
              {hasOpen(page) && ` ${openAll.value}`}
            </span>
          </a>
        ))}
      <button onClick={() => (isMoreOpen.value = true)}>
        <Icon name="menu" size={20} />
        {m.more}
      </button>
    </nav>
  );
}

/** Fetches what opens at a key's press, so that it does so at once, and while the collector is away. */
export function prefetch(): void {
  for (const { load } of OVERLAYS) load().catch(() => undefined);
  rangePicker().catch(() => undefined);
  exportDialog().catch(() => undefined);
}

interface Props {
  title: string;
  crumbs?: ComponentChildren;
  ranges: 'any' | 'live' | 'none';
  /** Buttons of the page in the top bar. */
  actions?: ComponentChildren;
  children: ComponentChildren;
}

export function Shell({ title, crumbs, ranges, actions, children }: Props) {
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        {t.value.skip}
      </a>
      <div class={`shell ${pausedAt.value === null ? '' : 'is-paused'}`}>
        <Sidebar />
        <main class="main" id="main" tabIndex={-1}>
          <TopBar title={title} crumbs={crumbs} ranges={ranges} actions={actions} />
          <div class="page">
            <ConnectionBar />
            {children}
          </div>
        </main>
        <TabBar />
      </div>
      {OVERLAYS.map(
        ({ open, load }, i) => open.value && <Late key={i} load={load} onFailed={() => (open.value = false)} />,
      )}
      {exportWish.value && <Late load={exportDialog} onFailed={() => (exportWish.value = null)} />}
      <Toasts />
      <Announcer />
    </>
  );
}

/** The hash holds the route, so the skip link moves the focus itself. */
function skip(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
