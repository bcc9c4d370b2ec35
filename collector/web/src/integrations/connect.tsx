// How a kind of system is connected: the exact lines to write, how to try them, and what to do then.

import type { IntegrationKind } from '../api/outside';
import { t } from '../i18n/index';
import { kindSign, safeLink } from '../outside/states';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Command } from '../ui/parts';

const TRY = 'farol-collector check-config';

export function ConnectDialog({ kind, onClose }: { kind: IntegrationKind; onClose: () => void }) {
  const m = t.value;
  const title = m.connectWhat(kind.title);
  const docs = safeLink(kind.docs);
  return (
    <Dialog label={title} class="modal connect" onClose={onClose}>
      <header>
        <Icon name={kindSign(kind.kind)} />
        <h2 class="grow">{title}</h2>
        <button class="btn-icon" aria-label={m.close} onClick={onClose}>
          <Icon name="x" />
        </button>
      </header>
      <div class="mb">
        <ol class="steps">
          <li>
            <p>{m.stepWrite}</p>
            <Command text={kind.snippet.trimEnd()} />
            <p class="sub">{m.stepSecrets}</p>
          </li>
          <li>
            <p>{m.stepTry}</p>
            <Command text={TRY} />
          </li>
          <li>
            <p>{m.stepRestart}</p>
          </li>
        </ol>
        {docs !== null && (
          <a href={docs} target="_blank" rel="noopener noreferrer">
            {m.docs}
          </a>
        )}
      </div>
    </Dialog>
  );
}
