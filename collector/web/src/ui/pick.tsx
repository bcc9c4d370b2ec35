// A row of bars of which one can be picked by pointer, touch or arrow keys; a tooltip says what it stands for.

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

import { announce } from './announcer';

interface Props {
  /** How many there are, from left to right. */
  count: number;
  /** One sentence for those who do not see them. */
  label: string;
  /** How the keys work. */
  hint: string;
  class?: string;
  /** What one stands for: the first line is a time. */
  tip: (index: number) => string[];
  children: ComponentChildren;
}

export function Picker({ count, label, hint, class: extra = '', tip, children }: Props) {
  const picked = useSignal<number | null>(null);
  const pick = (index: number | null, isSaid = false) => {
    picked.value = index === null || count === 0 ? null : Math.max(0, Math.min(count - 1, index));
    if (isSaid && picked.peek() !== null) announce(tip(picked.peek() ?? 0).join(', '));
  };
  const follow = (event: PointerEvent & { currentTarget: HTMLElement }) => {
    const box = event.currentTarget.getBoundingClientRect();
    pick(Math.floor(((event.clientX - box.left) / Math.max(1, box.width)) * count));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const at = picked.peek() ?? count;
    const moves: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: count - 1 };
    const next = moves[event.key];
    if (event.key === 'Escape' && picked.peek() !== null) pick(null);
    else if (next !== undefined) pick(next, true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const at = picked.value === null || picked.value >= count ? null : picked.value;
  const middle = at === null ? 0 : ((at + 0.5) / count) * 100;
  return (
    <div
      class={`picker ${extra}`}
      role="application"
      tabIndex={0}
      aria-label={label}
      aria-roledescription={hint}
      onPointerMove={follow}
      onPointerDown={follow}
      onPointerLeave={() => pick(null)}
      onBlur={() => pick(null)}
      onKeyDown={onKeyDown}
    >
      {children}
      {at !== null && (
        <>
          <i class="picker-at" style={{ left: `${middle}%` }} />
          <div
            class={`tip on ${middle > 50 ? 'left' : ''}`}
            style={middle > 50 ? { right: `${100 - middle}%` } : { left: `${middle}%` }}
          >
            {tip(at).map((line, i) => (i === 0 ? <time key={i}>{line}</time> : <div key={i}>{line}</div>))}
          </div>
        </>
      )}
    </div>
  );
}
