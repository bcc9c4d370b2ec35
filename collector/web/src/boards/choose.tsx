// Choosing several things of many by typing a part of their names: metrics, resources. What is chosen stands below as
// buttons that take it away again.

import { useState } from 'preact/hooks';

import { num } from '../i18n/format';
import { Icon } from '../ui/icon';
import { b } from './words';

export interface Option {
  value: string;
  text: string;
  sub?: string;
}

interface Props {
  id: string;
  label: string;
  placeholder: string;
  hint?: string;
  fault?: string | null;
  /** What stands there while nothing is chosen. */
  none?: string;
  chosen: readonly string[];
  most: number;
  /** The name of a chosen value. */
  textOf?: (value: string) => string;
  find: (query: string) => readonly Option[];
  onChange: (chosen: string[]) => void;
}

/** More are found by typing more. */
const SHOWN_MAX = 30;

export function Choose(props: Props) {
  const {
    id,
    label,
    placeholder,
    hint,
    fault = null,
    none,
    chosen,
    most,
    textOf = (value: string) => value,
    find,
    onChange,
  } = props;
  const m = b.value;
  const [query, ask] = useState('');
  const [isOpen, open] = useState(false);
  const [at, walk] = useState(-1);
  const found = isOpen ? find(query).filter(({ value }) => !chosen.includes(value)) : [];
  const shown = found.slice(0, SHOWN_MAX);
  const take = (option: Option | undefined) => {
    if (!option || chosen.length >= most) return;
    onChange([...chosen, option.value]);
    ask('');
    walk(-1);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') {
      open(true);
      walk(Math.min(shown.length - 1, at + 1));
    } else if (event.key === 'ArrowUp') walk(Math.max(0, at - 1));
    else if (event.key === 'Enter') take(shown[Math.max(0, at)]);
    else if (event.key === 'Escape' && isOpen) open(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const active = shown[at];
  return (
    <div
      class="field choose"
      onFocusOut={(event) => {
        const to = event.relatedTarget;
        if (!(to instanceof Node) || !event.currentTarget.contains(to)) open(false);
      }}
    >
      <label for={id}>{label}</label>
      <span class={`in ${fault === null ? '' : 'bad'}`}>
        <Icon name="search" size={14} />
        <input
          id={id}
          role="combobox"
          aria-expanded={isOpen && shown.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={active ? `${id}-${at}` : undefined}
          aria-describedby={hint === undefined ? undefined : `${id}-hint`}
          placeholder={placeholder}
          autocomplete="off"
          spellcheck={false}
          disabled={chosen.length >= most}
          value={query}
          onFocus={() => open(true)}
          onClick={() => open(true)}
          onInput={(event) => {
            ask(event.currentTarget.value);
            open(true);
            walk(0);
          }}
          onKeyDown={onKeyDown}
        />
      </span>
      {/* Over what is below, which must not move while somebody aims at it. */}
      <div class="pop choose-list" hidden={!isOpen || (shown.length === 0 && query === '')}>
        <ul id={`${id}-list`} role="listbox" aria-label={label}>
          {shown.map((option, i) => (
            <li
              key={option.value}
              id={`${id}-${i}`}
              class={`pi ${i === at ? 'on' : ''}`}
              role="option"
              aria-selected={i === at}
              onPointerDown={(event) => {
                // The field keeps the focus.
                event.preventDefault();
                take(option);
              }}
            >
              <span class="grow ell" title={option.value}>
                {option.text}
              </span>
              {option.sub !== undefined && <span class="sub">{option.sub}</span>}
            </li>
          ))}
        </ul>
        {found.length === 0 && <p class="hint">{m.metricsNone}</p>}
        {found.length > shown.length && <p class="hint">{m.metricsMore(num(found.length - shown.length))}</p>}
      </div>
      {fault !== null && (
        <span class="hint crit" role="alert">
          {fault}
        </span>
      )}
      {hint !== undefined && fault === null && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {chosen.length === 0 && none !== undefined && <span class="tag">{none}</span>}
      {chosen.length > 0 && (
        <ul class="tags chosen">
          {chosen.map((value) => (
            <li key={value}>
              <button
                type="button"
                class="tag"
                aria-label={m.drop(textOf(value))}
                onClick={() => onChange(chosen.filter((other) => other !== value))}
              >
                {textOf(value)}
                <Icon name="x" size={12} />
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
