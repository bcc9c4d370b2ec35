// Asks for notifications of the browser: by a click, never by itself.

import { Icon } from '../ui/icon';
import { askForNotices, notifying, stopNotices } from './notify';
import { a } from './words';

export function NoticeSwitch() {
  const m = a.value;
  const state = notifying.value;
  if (state === 'missing') return null;
  const text = { on: m.noticesOn, off: m.noticesOff, denied: m.noticesDenied }[state];
  return (
    <p class="row wrap sub al-notices" data-notices={state}>
      <Icon name="bell" size={14} />
      <span>{text}</span>
      {state === 'off' && (
        <button class="btn sm" onClick={() => void askForNotices()}>
          {m.noticesAsk}
        </button>
      )}
      {state === 'on' && (
        <button class="btn sm ghost" onClick={stopNotices}>
          {m.noticesStop}
        </button>
      )}
    </p>
  );
}
