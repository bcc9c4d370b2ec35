// The strip below the top bar when the page is not live: paused, reconnecting, lost, or polling.

import { age, hhmmss, num } from '../i18n/format';
import { t } from '../i18n/index';
import { arrived, lastHeard, now, pausedAt, retryAt, retryNow, togglePause } from '../live/feed';
import { Icon } from '../ui/icon';
import { contact } from './top-bar';

export function ConnectionBar() {
  const m = t.value;
  if (pausedAt.value !== null) {
    return (
      <div class="note infoc bar" role="status">
        <Icon name="pause" />
        <span class="grow">
          <b>{m.barPausedTitle(hhmmss(pausedAt.value))}</b> {m.barPausedText(num(arrived.value))}
        </span>
        <button class="btn sm" onClick={togglePause}>
          <Icon name="play" size={14} />
          {m.resume}
        </button>
      </div>
    );
  }
  const state = contact.value;
  if (state === 'polling') {
    return (
      <div class="note warn bar" role="status">
        <Icon name="refresh" />
        <span class="grow">
          <b>{m.barPollingTitle}</b> {m.barPollingText}
        </span>
        <Retry />
      </div>
    );
  }
  if (state !== 'reconnecting' && state !== 'lost') return null;
  const heard = lastHeard.value;
  const quiet = age(heard === null ? 0 : now.value - heard);
  const wait = retryAt.value === null ? 0 : retryAt.value - Date.now();
  const text = wait > 0 ? m.barReconnecting(quiet, age(Math.max(1_000, wait))) : m.barConnecting(quiet);
  return (
    <div class={`note bar ${state === 'lost' ? 'crit' : 'warn'}`} role="alert">
      <Icon name={state === 'lost' ? 'crit' : 'refresh'} />
      <span class="grow">
        <b>{state === 'lost' ? m.barLostTitle(hhmmss(heard ?? now.value)) : m.reconnecting}</b>{' '}
        {state === 'lost' ? m.barLostText : text}
      </span>
      <Retry />
    </div>
  );
}

function Retry() {
  return (
    <button class="btn sm" onClick={retryNow}>
      {t.value.retry}
    </button>
  );
}
