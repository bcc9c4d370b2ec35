// Short messages at the edge of the page: what was done, and the way back. Bounded: the oldest of more than four goes.

import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';

import { t } from '../i18n/index';
import { announce } from './announcer';
import { Icon } from './icon';

const SHOWN_MAX = 4;
/** Long enough to read it and reach the button; it stops while hovered or focused. */
const SHOWN_MS = 8_000;

export interface Toast {
  id: number;
  kind: 'ok' | 'warn' | 'crit';
  text: string;
  action?: { label: string; run: () => void };
}

export const toasts = signal<readonly Toast[]>([]);
let last = 0;

/** Shows a message, and says it to screen readers. */
export function toast(kind: Toast['kind'], text: string, action?: Toast['action']): void {
  last += 1;
  toasts.value = [...toasts.peek(), { id: last, kind, text, ...(action ? { action } : {}) }].slice(-SHOWN_MAX);
  announce(text);
}

export function dismiss(id: number): void {
  toasts.value = toasts.peek().filter((one) => one.id !== id);
}

function One({ toast: { id, kind, text, action } }: { toast: Toast }) {
  const [isHeld, hold] = useState(false);
  const box = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (isHeld) return;
    const timer = setTimeout(() => dismiss(id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [id, isHeld]);
  const release = () => hold(box.current?.contains(document.activeElement) ?? false);
  return (
    <li
      ref={box}
      class={`toast ${kind}`}
      onPointerEnter={() => hold(true)}
      onPointerLeave={release}
      onFocusIn={() => hold(true)}
      onFocusOut={() => hold(false)}
    >
      <Icon name={kind === 'ok' ? 'check' : kind} size={16} />
      <span class="grow">{text}</span>
      {action && (
        <button
          class="btn sm"
          onClick={() => {
            dismiss(id);
            action.run();
          }}
        >
          <Icon name="undo" size={14} />
          {action.label}
        </button>
      )}
      <button class="btn-icon" aria-label={t.value.close} onClick={() => dismiss(id)}>
        <Icon name="x" size={14} />
      </button>
    </li>
  );
}

export function Toasts() {
  if (toasts.value.length === 0) return null;
  return (
    <section aria-label={t.value.messages}>
      <ul class="toasts">
        {toasts.value.map((one) => (
          <One key={one.id} toast={one} />
        ))}
      </ul>
    </section>
  );
}
