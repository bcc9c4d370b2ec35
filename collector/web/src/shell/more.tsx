// What has no room in the phone's tab bar: language, version, signing out.

import { signal } from '@preact/signals';

import { t } from '../i18n/index';
import { session, signOut, version } from '../state/session';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { LanguageSwitch } from './shell';

export const isMoreOpen = signal(false);

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
          {who?.role}
          {version.value !== null && ` · Farol v${version.value}`}
        </p>
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
