// Somebody else saved the dashboard meanwhile: nothing was overwritten, and both ways on lead to something kept.

import { useEffect, useRef } from 'preact/hooks';

import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { b } from './words';

interface Props {
  onReload: () => void;
  onCopy: () => void;
  onClose: () => void;
}

export function Changed({ onReload, onCopy, onClose }: Props) {
  const m = b.value;
  const safe = useRef<HTMLButtonElement>(null);
  useEffect(() => safe.current?.focus(), []);
  return (
    <Dialog label={m.changedTitle} class="modal" onClose={onClose}>
      <div class="dform">
        <header>
          <h2 class="grow">{m.changedTitle}</h2>
        </header>
        <div class="mb">
          <p>{m.changedText}</p>
          <div class="asks">
            <button ref={safe} type="button" class="btn pri" onClick={onCopy}>
              <Icon name="copy" size={14} />
              {m.changedCopy}
            </button>
            <button type="button" class="btn" onClick={onReload}>
              <Icon name="refresh" size={14} />
              {m.changedReload}
            </button>
            <button type="button" class="btn ghost" onClick={onClose}>
              {m.stay}
            </button>
          </div>
        </div>
      </div>
    </Dialog>
  );
}
