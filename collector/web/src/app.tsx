// Chooses the page: by the session first, then by the address.

import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { signal, useSignalEffect } from '@preact/signals';

import { t } from './i18n/index';
import * as feed from './live/feed';
import { fleet } from './live/fleet';
import { Setup, SignIn, Unreachable } from './pages/access';
import { NotFound } from './pages/not-found';
import { Overview } from './pages/overview';
import { onKey } from './shell/keys';
import { lightClass } from './shell/shell';
import { path } from './state/route';
import { ask, session } from './state/session';

// The charts are a chunk of their own: the overview does not wait for them.
const resourcePage = signal<((props: { id: number }) => JSX.Element) | null>(null);

async function loadResourcePage(): Promise<void> {
  resourcePage.value ??= (await import('./pages/resource')).ResourcePage;
}

function LazyResource({ id }: { id: number }) {
  useEffect(() => void loadResourcePage(), []);
  const Found = resourcePage.value;
  return Found ? <Found id={id} /> : null;
}

function Page() {
  const here = path.value;
  if (here === '/') return <Overview />;
  const id = /^\/resource\/(\d+)$/.exec(here)?.[1];
  return id === undefined ? <NotFound /> : <LazyResource id={Number(id)} />;
}

function SignedIn() {
  useEffect(() => {
    feed.start();
    addEventListener('keydown', onKey);
    // Soon after the first page, so that a click finds it ready.
    const soon = setTimeout(() => void loadResourcePage(), 1_500);
    return () => {
      clearTimeout(soon);
      removeEventListener('keydown', onKey);
      feed.stop();
    };
  }, []);
  // The tab tells the state as well: its icon has the light's colour, its title the name.
  useSignalEffect(() => {
    const icon = document.getElementById('favicon') as HTMLLinkElement | null;
    const file = `./favicon-${lightClass()}.svg`;
    if (icon && icon.getAttribute('href') !== file) icon.setAttribute('href', file);
    const id = /^\/resource\/(\d+)$/.exec(path.value)?.[1];
    const name = id === undefined ? t.value.overview : fleet.value.get(Number(id))?.row.value.name;
    document.title = name === undefined ? 'Farol' : `${name} · Farol`;
  });
  return path.value === '/setup' || path.value === '/sign-in' ? <Overview /> : <Page />;
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
      return now.setupRequired || path.value === '/setup' ? <Setup /> : <SignIn />;
    case 'in':
      return <SignedIn />;
  }
}
