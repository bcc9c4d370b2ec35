// A menu behind three dots: arrows walk, Enter chooses, Esc closes and gives the focus back.

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { Glyph } from './glyph';

export interface Item {
  icon: ComponentChildren;
  text: string;
  isDanger?: boolean;
  /** Why it cannot be done now; it is shown all the same. */
  refused?: string | undefined;
  run: () => void;
}

interface Props {
  label: string;
  items: readonly Item[];
}

export function Menu({ label, items }: Props) {
  const isOpen = useSignal(false);
  const root = useRef<HTMLSpanElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const options = () => [...(root.current?.querySelectorAll<HTMLElement>('[role="menuitem"]') ?? [])];
  const close = () => {
    isOpen.value = false;
    button.current?.focus();
  };
  useEffect(() => {
    if (!isOpen.value) return;
    options()[0]?.focus();
    const outside = (event: PointerEvent) => {
      if (root.current && !root.current.contains(event.target as Node)) isOpen.value = false;
    };
    addEventListener('pointerdown', outside);
    return () => removeEventListener('pointerdown', outside);
  }, [isOpen.value]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (!isOpen.peek()) return;
    const all = options();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const moves: Record<string, number> = {
      ArrowDown: (at + 1) % all.length,
      ArrowUp: (at - 1 + all.length) % all.length,
      Home: 0,
      End: all.length - 1,
    };
    const next = moves[event.key];
    if (next !== undefined) all[next]?.focus();
    else if (event.key === 'Escape') close();
    else if (event.key === 'Tab') isOpen.value = false;
    else return;
    event.stopPropagation();
    if (event.key !== 'Tab') event.preventDefault();
  };
  return (
    <span class="menu" ref={root} onKeyDown={onKeyDown}>
      <button
        ref={button}
        type="button"
        class="btn-icon"
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={isOpen.value}
        onClick={() => (isOpen.value = !isOpen.peek())}
      >
        <Glyph name="dots" />
      </button>
      {isOpen.value && (
        <ul class="pop menu-list" role="menu" aria-label={label}>
          {items.map((item) => (
            <li key={item.text} role="none">
              <button
                type="button"
                class={`pi ${item.isDanger === true ? 'crit' : ''}`}
                role="menuitem"
                tabIndex={-1}
                aria-disabled={item.refused !== undefined}
                title={item.refused}
                onClick={() => {
                  if (item.refused !== undefined) return;
                  close();
                  item.run();
                }}
              >
                {item.icon}
                <span class="grow">{item.text}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </span>
  );
}
