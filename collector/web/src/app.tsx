// Chooses the page: by the session first, then by the address.

import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { signal, useSignalEffect } from '@preact/signals';

import { t } from './i18n/index';
import * as feed from './live/feed';
import { fleet } from './live/fleet';
import { Unreachable } from './pages/entrance';
import { NotFound } from './pages/not-found';
import { Overview } from './pages/overview';
import { onKey } from './shell/keys';
import { isAlerts, pageAt } from './shell/pages';
import { lightClass, prefetch, Shell } from './shell/shell';
import { path } from './state/route';
import { ask, session } from './state/session';
import { Failed } from './ui/card';
import { Skeleton } from './ui/parts';

type Page = ComponentType<{ id: number }>;

// Every page but the overview is a chunk of its own: the overview does not wait for charts.
const LOADERS: Record<string, () => Promise<Page>> = {
  '/resource': async () => (await import('./pages/resource')).ResourcePage,
  '/requests': async () => (await import('./pages/requests')).RequestsPage,
  '/errors': async () => (await import('./pages/errors')).ErrorsPage,
  '/cache': async () => (await import('./pages/cache')).CachePage,
  '/queues': async () => (await import('./pages/queues')).QueuesPage,
  '/uptime': async () => (await import('./pages/uptime')).UptimePage,
  '/settings': async () => (await import('./settings/page')).SettingsPage,
  '/integrations': async () => (await import('./pages/integrations')).IntegrationsPage,
  '/events': async () => (await import('./pages/events')).EventsPage,
  '/alerts': async () => (await import('./alerts/page')).AlertsPage,
  '/boards': async () => (await import('./boards/list')).BoardsPage,
  '/d': async () => (await import('./boards/page')).BoardPage,
  '/monitoring': async () => (await import('./monitoring/page')).MonitoringPage,
  '/add-agent': async () => (await import('./agents/page')).AddAgentPage,
  '/health': async () => (await import('./pages/health')).HealthPage,
};

const pages = signal<ReadonlyMap<string, Page | 'failed'>>(new Map());

async function load(name: string): Promise<void> {
  if (pages.peek().get(name) instanceof Function) return;
  let found: Page | 'failed' = 'failed';
  try {
    found = (await LOADERS[name]?.()) ?? 'failed';
  } catch {
    // The collector is away, or was replaced by one with other chunks.
  }
  pages.value = new Map([...pages.peek(), [name, found]]);
}

function LazyPage({ name, id }: { name: string; id: number }) {
  useEffect(() => void load(name), [name]);
  const Found = pages.value.get(name);
  if (Found === undefined || Found === 'failed') {
    const word = pageAt(name)?.word;
    return (
      <Shell title={word === undefined ? t.value.loading : t.value[word]} ranges="any">
        {Found === 'failed' ? (
          <section class="card">
            <div class="b">
              <Failed text={t.value.pageFailed} onRetry={() => location.reload()} />
            </div>
          </section>
        ) : (
          <Skeleton height={480} />
        )}
      </Shell>
    );
  }
  return <Found id={id} />;
}

function resourceId(): number | null {
  const id = /^\/resource\/(\d+)$/.exec(path.value)?.[1];
  return id === undefined ? null : Number(id);
}

function Page() {
  const here = path.value;
  if (here === '/') return <Overview />;
  const id = resourceId();
  if (id !== null) return <LazyPage name="/resource" id={id} />;
  if (/^\/d\/[^/]+$/.test(here)) return <LazyPage name="/d" id={0} />;
  if (isAlerts(here)) return <LazyPage name="/alerts" id={0} />;
  if (here.startsWith('/settings/')) return <LazyPage name="/settings" id={0} />;
  return here !== '/resource' && here !== '/d' && here in LOADERS ? <LazyPage name={here} id={0} /> : <NotFound />;
}

/** The title of the tab. */
function title(): string {
  const id = resourceId();
  if (id !== null) return fleet.value.get(id)?.row.value.name ?? '';
  const word = pageAt(path.value)?.word;
  return word === undefined ? '' : t.value[word];
}

/** Addresses of signing in; who is in already gets the overview there. */
const ENTRANCES = ['/setup', '/sign-in', '/login'];

function SignedIn() {
  useEffect(() => {
    feed.start();
    addEventListener('keydown', onKey);
    // The count of open alerts, whose code the first page does not carry.
    let endWatch: (() => void) | null = null;
    let isOver = false;
    import('./alerts/source').then(
      ({ startWatch }) => {
        if (!isOver) endWatch = startWatch();
      },
      () => undefined,
    );
    // Soon after the first page, so that a click finds the others ready.
    const soon = setTimeout(() => {
      Object.keys(LOADERS).forEach((name) => void load(name));
      prefetch();
    }, 1_500);
    return () => {
      clearTimeout(soon);
      removeEventListener('keydown', onKey);
      isOver = true;
      endWatch?.();
      feed.stop();
    };
  }, []);
  // The tab tells the state as well: its icon has the light's colour, its title the name.
  useSignalEffect(() => {
    const icon = document.getElementById('favicon') as HTMLLinkElement | null;
    const file = `./favicon-${lightClass()}.svg`;
    if (icon && icon.getAttribute('href') !== file) icon.setAttribute('href', file);
    const name = title();
    document.title = name === '' ? 'Farol' : `${name} · Farol`;
  });
  return ENTRANCES.includes(path.value) ? <Overview /> : <Page />;
}

type Access = typeof import('./pages/access');

/** Signing in is fetched by those who are out; nobody else waits for it. */
function Out({ isNew }: { isNew: boolean }) {
  const [access, found] = useState<Access | 'failed' | null>(null);
  useEffect(() => {
    import('./pages/access').then(found, () => found('failed'));
  }, []);
  if (access === 'failed') return <Unreachable />;
  return access && (isNew ? <access.Setup /> : <access.SignIn />);
}

export function App() {
  useEffect(() => void ask(), []);
  const now = session.value;
  switch (now.state) {
    case 'asking':
      return null;
    case 'unreachable':
      return <Unreachable />;
    case 'out':
      return <Out isNew={now.setupRequired || path.value === '/setup'} />;
    case 'in':
      return <SignedIn />;
  }
}
