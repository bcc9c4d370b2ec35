// What has no room in the phone's tab bar: other pages, search, theme, language, version, signing out.

import { exportPage } from '../export/wish';
import { t } from '../i18n/index';
import { theme, toggleTheme } from '../state/prefs';
import { mayAddAgents, role, roleWord } from '../state/roles';
import { href } from '../state/route';
import { session, signOut, version } from '../state/session';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { isMoreOpen, isSearchOpen } from './open';
import { openPages } from './pages';

import { LanguageSwitch } from './shell';

export function MorePanel() {
  const m = t.value;
  const close = () => (isMoreOpen.value = false);
  const who = session.value.state === 'in' ? session.value.user : null;
  return (
    <Dialog label={m.more} class="modal" onClose={close}>
      <header>
        <h2 class="grow">{who?.username ?? m.more}</h2>
        <button class="btn-icon" aria-label={m.close} onClick={close}>
          <Icon name="x" />
        </button>
      </header>
      <div class="mb">
        <p class="sub">
          {roleWord(role())}
          {version.value !== null && ` · Farol v${version.value}`}
        </p>
        <nav class="nav more-nav" aria-label={m.more}>
          {openPages()
            .filter((page) => !page.isTab)
            .map((page) => (
              <a key={page.path} href={href(page.path)} onClick={close}>
                <Icon name={page.icon} />
                <span class="ell">{m[page.word]}</span>
              </a>
            ))}
          {mayAddAgents() && (
            <a href={href('/add-agent')} onClick={close}>
              <Icon name="plus" />
              <span class="ell">{m.addAgent}</span>
            </a>
          )}
        </nav>
        <button
          class="btn lg"
          onClick={() => {
            close();
            isSearchOpen.value = true;
          }}
        >
          <Icon name="search" />
          {m.search}
        </button>
        <button
          class="btn lg"
          onClick={() => {
            close();
            exportPage();
          }}
        >
          <Icon name="download" />
          {m.exportWord}
        </button>
        <button class="btn lg" onClick={toggleTheme}>
          <Icon name={theme.value === 'dark' ? 'sun' : 'moon'} />
          {theme.value === 'dark' ? m.themeToLight : m.themeToDark}
        </button>
        <div class="row">
          <span class="grow">{m.language}</span>
          <LanguageSwitch />
        </div>
        <button class="btn lg" onClick={() => void signOut().then(close)}>
          <Icon name="exit" />
          {m.signOut}
        </button>
      </div>
    </Dialog>
  );
}
