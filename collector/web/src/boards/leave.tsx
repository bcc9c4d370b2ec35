// Leaving a dashboard whose changes are not saved asks first: links, Back, shortcuts, and closing the tab.

import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

import { holdRoute } from '../state/route';
import { Dialog } from '../ui/dialog';
import type { Draft } from './draft';
import { b } from './words';

/** Where somebody wanted to go. */
const wanted = signal<string | null>(null);

export function useLeaveGuard(draft: Draft): void {
  // Before the first change can be made.
  useLayoutEffect(() => {
    const release = holdRoute((hash) => {
      if (!draft.isDirty.peek()) return false;
      wanted.value = hash;
      return true;
    });
    const onUnload = (event: BeforeUnloadEvent) => {
      if (draft.isDirty.peek()) event.preventDefault();
    };
    addEventListener('beforeunload', onUnload);
    return () => {
      release();
      removeEventListener('beforeunload', onUnload);
      wanted.value = null;
    };
  }, [draft]);
}

interface Props {
  title: string;
  text: string;
  act: string;
  keep: string;
  onAct: () => void;
  onKeep: () => void;
}

/** A question with a safe answer, which has the focus. */
export function Ask({ title, text, act, keep, onAct, onKeep }: Props) {
  const safe = useRef<HTMLButtonElement>(null);
  useEffect(() => safe.current?.focus(), []);
  return (
    <Dialog label={title} class="modal" onClose={onKeep}>
      <div class="dform">
        <header>
          <h2 class="grow">{title}</h2>
        </header>
        <div class="mb">
          <p>{text}</p>
        </div>
        <footer>
          <button ref={safe} type="button" class="btn" onClick={onKeep}>
            {keep}
          </button>
          <button type="button" class="btn danger-solid" onClick={onAct}>
            {act}
          </button>
        </footer>
      </div>
    </Dialog>
  );
}

export function LeaveDialog({ draft }: { draft: Draft }) {
  const m = b.value;
  const hash = wanted.value;
  if (hash === null) return null;
  const leave = () => {
    wanted.value = null;
    draft.discard();
    location.hash = hash;
  };
  return (
    <Ask
      title={m.leaveTitle}
      text={m.leaveText}
      act={m.leave}
      keep={m.stay}
      onAct={leave}
      onKeep={() => (wanted.value = null)}
    />
  );
}
