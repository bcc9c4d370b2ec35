// Fields of the forms of these pages: text, numbers that may be empty, and lists of the browser's own.

import type { ComponentChildren } from 'preact';

import { Icon } from '../ui/icon';
import { b } from './words';

interface SelectProps {
  id: string;
  label: string;
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  onChange: (value: string) => void;
}

export function Select({ id, label, value, options, onChange }: SelectProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class="in sel">
        <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          {options.map(([option, text]) => (
            <option key={option} value={option}>
              {text}
            </option>
          ))}
        </select>
        <Icon name="chev" size={12} />
      </span>
    </div>
  );
}

/** What a field for a number holds: "1,5" and "1.5" are one and a half; undefined when empty, null when no number. */
export function readNumber(text: string): number | null | undefined {
  const clean = text.trim().replace(',', '.');
  if (clean === '') return undefined;
  const value = Number(clean);
  return Number.isFinite(value) ? value : null;
}

interface TextProps {
  id: string;
  label: string;
  value: string;
  hint?: string | undefined;
  fault?: string | null;
  mode?: 'text' | 'decimal' | 'numeric';
  most?: number;
  onInput: (text: string) => void;
  children?: ComponentChildren;
}

export function TextField({ id, label, value, hint, fault = null, mode = 'text', most, onInput, children }: TextProps) {
  const note = fault ?? hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class={`in ${fault === null ? '' : 'bad'}`}>
        {children}
        <input
          id={id}
          inputMode={mode}
          autocomplete="off"
          maxLength={most}
          value={value}
          aria-invalid={fault !== null}
          aria-describedby={note === undefined ? undefined : `${id}-hint`}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      </span>
      {note !== undefined && (
        <span class={`hint ${fault === null ? '' : 'crit'}`} id={`${id}-hint`}>
          {note}
        </span>
      )}
    </div>
  );
}

/** The fault of a field that must hold a number or nothing. */
export function numberFault(text: string): string | null {
  return readNumber(text) === null ? b.value.notNumber : null;
}
