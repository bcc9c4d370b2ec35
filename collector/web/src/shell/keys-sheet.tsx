// The sheet that lists the shortcuts.

import { t } from '../i18n/index';
import { setSingleKeys, singleKeys } from '../state/prefs';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { isSheetOpen } from './open';
import { openPages } from './pages';

export function Keys() {
  const m = t.value;
  const close = () => (isSheetOpen.value = false);
  const rows: [string[], string][] = [
    [['Ctrl', 'K'], m.keySearch],
    [['/'], m.keySearch],
    ...openPages().map((page): [string[], string] => [[page.key.toUpperCase()], m.goTo(m[page.word])]),
    [['T'], m.keyRange],
    [['P'], m.keyPause],
    [['D'], m.keyTheme],
    [['E'], m.exportWord],
    [['J', 'K'], m.keyList],
    [['Enter'], m.keyOpen],
    [['←', '→'], m.keyHalf],
    [['+', '−'], m.keyZoom],
    [['Esc'], m.keyUndo],
    [['?'], m.keySheet],
  ];
  return (
    <Dialog label={m.keysTitle} class="modal" onClose={close}>
      <header>
        <h2 class="grow">{m.keysTitle}</h2>
        <button class="btn-icon" aria-label={m.close} onClick={close}>
          <Icon name="x" />
        </button>
      </header>
      <div class="mb">
        <label class="row">
          <span class="grow">{m.keysOn}</span>
          <button
            class="switch"
            role="switch"
            aria-checked={singleKeys.value}
            aria-label={m.keysOn}
            onClick={() => setSingleKeys(!singleKeys.peek())}
          />
        </label>
        <dl class="kv">
          {rows.map(([keys, text]) => (
            <div key={keys.join()}>
              <dt>{text}</dt>
              <dd>
                {keys.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dd>
            </div>
          ))}
        </dl>
      </div>
    </Dialog>
  );
}
