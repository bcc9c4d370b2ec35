// What is shown only once: a password, a token, recovery codes. It goes away when the person says that it was kept.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { t } from '../i18n/index';
import { announce } from '../ui/announcer';
import { Icon } from '../ui/icon';
import { s } from './words';

/** A text to copy; where the browser has no clipboard it is selected, for the keys. */
export function Secret({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState<'no' | 'yes' | 'selected'>('no');
  const block = useRef<HTMLPreElement>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied('yes');
    } catch {
      // Browsers give the clipboard to pages over https only.
      if (block.current) getSelection()?.selectAllChildren(block.current);
      setCopied('selected');
      announce(s.value.copyBy);
    }
  };
  return (
    <div class="command secret">
      <pre ref={block} class="code" tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <button type="button" class="btn" onClick={() => void copy()}>
        <Icon name={copied === 'yes' ? 'check' : 'copy'} size={14} />
        {copied === 'yes' ? t.value.copied : t.value.copy}
      </button>
      {copied === 'selected' && <p class="hint">{s.value.copyBy}</p>}
    </div>
  );
}

interface Props {
  title: string;
  text?: string;
  children: ComponentChildren;
  onKept: () => void;
}

/** Neither Esc nor a click beside it closes this dialog: what it shows would be lost. */
export function Once({ title, text, children, onKept }: Props) {
  const m = s.value;
  const dialog = useRef<HTMLDialogElement>(null);
  const isGone = useRef(false);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => {
      isGone.current = true;
      element?.close();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="dialog modal set-dialog"
      aria-label={title}
      onCancel={(event) => event.preventDefault()}
      // A browser may close it by force at the second Esc: then it is over for the page as well.
      onClose={() => !isGone.current && onKept()}
    >
      <header>
        <span class="mico warn">
          <Icon name="key" size={18} />
        </span>
        <h2 class="grow anywhere">{title}</h2>
      </header>
      <div class="mb">
        <p class="note warn">
          <Icon name="warn" size={15} />
          <span class="grow">
            <b>{m.onceTitle}.</b> {m.onceText}
          </span>
        </p>
        {children}
        {text !== undefined && <p class="sub">{text}</p>}
      </div>
      <footer class="set-foot">
        <button class="btn pri" onClick={onKept}>
          {m.onceKept}
        </button>
      </footer>
    </dialog>
  );
}
