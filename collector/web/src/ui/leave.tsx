// Leaving what would be lost asks first: links, Back, shortcuts, choosing something else of the page, and closing the tab.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

import '../css/boards.css';
import { holdRoute, isHeld, route, type Route } from '../state/route';
import { Dialog } from './dialog';

interface Words {
  title: string;
  text: string;
  act: string;
  keep: string;
}

/** A question with a safe answer, which has the focus. */
export function Ask({ title, text, act, keep, onAct, onKeep }: Words & { onAct: () => void; onKeep: () => void }) {
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

/** A link of this page that was pressed to be followed here: asked before, the history has no step to take back. */
function onLink(event: MouseEvent): void {
  const isElsewhere = event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  if (event.defaultPrevented || isElsewhere || !(event.target instanceof Element)) return;
  const hash = event.target.closest('a[href^="#"]')?.getAttribute('href');
  if (hash != null && isHeld(hash)) event.preventDefault();
}

interface Props extends Words {
  /** Whether there is something to lose now. */
  isDirty: () => boolean;
  /** The parameters that say what of its page is on screen: with another of them it is left as well. */
  of?: readonly string[];
  /** Gives up what would be lost. */
  onLeave?: () => void;
}

/** Asks while it is on screen; one at a time. */
export function LeaveGuard({ isDirty, of = [], onLeave, ...words }: Props) {
  // Where somebody wanted to go.
  const [wanted, want] = useState<string | null>(null);
  const latest = useRef({ isDirty, of });
  latest.current = { isDirty, of };
  const release = useRef<(() => void) | null>(null);
  // Before the first change can be made.
  useLayoutEffect(() => {
    const isLeft = (next: Route) => {
      const here = route.peek();
      const isOther = (name: string) => next.params.get(name) !== here.params.get(name);
      return next.path !== here.path || latest.current.of.some(isOther);
    };
    const free = holdRoute((next, hash) => {
      if (!isLeft(next) || !latest.current.isDirty()) return false;
      want(hash);
      return true;
    });
    const onUnload = (event: BeforeUnloadEvent) => {
      if (latest.current.isDirty()) event.preventDefault();
    };
    release.current = free;
    document.addEventListener('click', onLink);
    addEventListener('beforeunload', onUnload);
    return () => {
      free();
      document.removeEventListener('click', onLink);
      removeEventListener('beforeunload', onUnload);
    };
  }, []);
  if (wanted === null) return null;
  const leave = () => {
    want(null);
    release.current?.();
    onLeave?.();
    location.hash = wanted;
  };
  return <Ask {...words} onAct={leave} onKeep={() => want(null)} />;
}
