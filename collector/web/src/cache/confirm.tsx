// Asking before something is destroyed: what it is and what it does; for wide deletions the instance's name and a reason.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { t } from '../i18n/index';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { refusal } from './refusal';

/** The collector takes no longer one. */
const REASON_MAX = 300;

interface Props {
  title: string;
  sub: string;
  /** What will be gone, in numbers. */
  facts: readonly ComponentChildren[];
  /** The name that has to be typed; without it a press of the button is enough. */
  name?: string;
  keep: string;
  act: string;
  /** Whether the numbers are there yet. */
  isReady?: boolean;
  /** Said above the buttons: the numbers have changed, say. */
  notice?: string | null;
  /** Changes when what is agreed to has changed: the name has to be typed anew. */
  version?: number;
  children?: ComponentChildren;
  onAct: (reason: string | undefined) => Promise<void>;
  onClose: () => void;
}

export function Confirm(props: Props) {
  const { title, sub, facts, name, keep, act, isReady = true, notice = null, version = 0, onAct, onClose } = props;
  const m = t.value;
  const safe = useRef<HTMLButtonElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [typed, type] = useState('');
  const [reason, setReason] = useState('');
  const [isBusy, busy] = useState(false);
  const [failure, fail] = useState<string | null>(null);
  // The safe way first; where a name must be typed, the field.
  useEffect(() => (field.current ?? safe.current)?.focus(), []);
  useEffect(() => type(''), [version]);
  const isFit = name === undefined || typed.trim() === name;
  const isOpen = isFit && isReady && !isBusy;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!isOpen) return;
    busy(true);
    fail(null);
    try {
      await onAct(reason.trim() === '' ? undefined : reason.trim());
    } catch (error) {
      fail(refusal(error));
    }
    busy(false);
  };
  return (
    <Dialog label={title} class="modal danger-dialog" onClose={() => !isBusy && onClose()}>
      <form class="dform" onSubmit={(event) => void submit(event)}>
        <header>
          <span class="mico crit">
            <Icon name="trash" size={18} />
          </span>
          <div class="grow">
            <h2>{title}</h2>
            <p class="muted">{sub}</p>
          </div>
        </header>
        <div class="mb">
          <ul class="note crit facts" aria-busy={!isReady}>
            {facts.map((fact, i) => (
              <li key={i} class="row">
                <Icon name="warn" size={14} />
                <span class="grow">{fact}</span>
              </li>
            ))}
          </ul>
          {props.children}
          {name !== undefined && (
            <div class="field">
              <label for="confirm-name">
                {m.confirmType} <b class="mono picked">{name}</b> {m.confirmTypeEnd}
              </label>
              <span class="in">
                <input
                  ref={field}
                  id="confirm-name"
                  class="mono"
                  autocomplete="off"
                  autocapitalize="off"
                  spellcheck={false}
                  value={typed}
                  onInput={(event) => type(event.currentTarget.value)}
                />
              </span>
            </div>
          )}
          {name !== undefined && (
            <div class="field">
              <label for="confirm-reason">{m.confirmReason}</label>
              <span class="in">
                <input
                  id="confirm-reason"
                  maxLength={REASON_MAX}
                  autocomplete="off"
                  value={reason}
                  onInput={(event) => setReason(event.currentTarget.value)}
                />
              </span>
            </div>
          )}
          {notice !== null && (
            <p class="note warn" role="alert">
              <Icon name="warn" size={15} />
              <span class="grow">{notice}</span>
            </p>
          )}
          {failure !== null && (
            <p class="note crit" role="alert">
              <Icon name="crit" size={15} />
              <span class="grow">{failure}</span>
            </p>
          )}
        </div>
        <footer>
          <button ref={safe} type="button" class="btn" disabled={isBusy} onClick={onClose}>
            {keep}
          </button>
          <button type="submit" class="btn danger-solid" disabled={!isOpen} aria-busy={isBusy}>
            {isBusy ? m.actRunning : act}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
