// Forms in dialogs: labelled fields, one thing sent at a time, what was refused above the buttons.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import { Dialog } from '../ui/dialog';
import { Icon, type IconName } from '../ui/icon';
import { t } from '../i18n/index';
import { reason } from './refusal';
import { s } from './words';

interface FieldProps {
  id: string;
  label: string;
  value: string;
  onInput: (value: string) => void;
  type?: 'text' | 'password';
  autocomplete?: string;
  inputmode?: 'numeric' | 'text';
  hint?: string | undefined;
  /** What is wrong with it; null when nothing is. */
  fault?: string | null;
  isOptional?: boolean;
  isLocked?: boolean;
  isFirst?: boolean;
  maxLength?: number;
  /** Values that were used before. */
  offered?: readonly string[];
}

/** No name of a person, tenant or token is longer. */
const TEXT_MAX = 128;

export function Field(props: FieldProps) {
  const { id, label, value, onInput, type = 'text', hint, fault = null, offered = [] } = props;
  const text = fault ?? hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class={`in ${fault === null ? '' : 'bad'}`}>
        <input
          // The dialog gives it the focus when it opens.
          autofocus={props.isFirst === true}
          id={id}
          name={id}
          {...(type === 'password'
            ? { type: 'password' as const }
            : { type: 'text' as const, ...(offered.length > 0 ? { list: `${id}-offered` } : {}) })}
          autocomplete={props.autocomplete ?? 'off'}
          inputmode={props.inputmode ?? 'text'}
          autocapitalize="none"
          spellcheck={false}
          maxLength={props.maxLength ?? TEXT_MAX}
          required={props.isOptional !== true}
          disabled={props.isLocked === true}
          aria-invalid={fault !== null}
          aria-describedby={text === undefined ? undefined : `${id}-hint`}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      </span>
      {offered.length > 0 && (
        <datalist id={`${id}-offered`}>
          {offered.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
      {text !== undefined && (
        <span class={`hint ${fault === null ? '' : 'crit'}`} id={`${id}-hint`}>
          {text}
        </span>
      )}
    </div>
  );
}

interface SelectProps {
  id: string;
  label: string;
  value: string;
  options: readonly { value: string; text: string }[];
  isLocked?: boolean;
  hint?: string | undefined;
  onChoose: (value: string) => void;
}

export function Select({ id, label, value, options, isLocked = false, hint, onChoose }: SelectProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class="in pick">
        <select
          id={id}
          value={value}
          disabled={isLocked}
          aria-describedby={hint === undefined ? undefined : `${id}-hint`}
          onChange={(event) => onChoose(event.currentTarget.value)}
        >
          {options.map((one) => (
            <option key={one.value} value={one.value}>
              {one.text}
            </option>
          ))}
        </select>
        <Icon name="chev" size={12} />
      </span>
      {hint !== undefined && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
}

interface FormProps {
  title: string;
  sub?: string;
  icon: IconName;
  /** What the button says. */
  act: string;
  keep?: string;
  isReady?: boolean;
  isDanger?: boolean;
  children: ComponentChildren;
  /** Stands under the form and is not sent with it. */
  below?: ComponentChildren;
  onSend: () => Promise<unknown>;
  onClose: () => void;
}

export function FormDialog(props: FormProps) {
  const { title, sub, icon, act, isReady = true, onSend, onClose } = props;
  const [isBusy, busy] = useState(false);
  const [failure, fail] = useState<string | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy || !isReady) return;
    busy(true);
    fail(null);
    try {
      await onSend();
    } catch (error) {
      fail(reason(error));
    }
    busy(false);
  };
  return (
    <Dialog label={title} class="modal set-dialog" onClose={() => !isBusy && onClose()}>
      <form class="dform" onSubmit={(event) => void submit(event)}>
        <header>
          <span class="mico">
            <Icon name={icon} size={18} />
          </span>
          <div class="grow">
            <h2>{title}</h2>
            {sub !== undefined && <p class="muted">{sub}</p>}
          </div>
        </header>
        <div class="mb">
          {props.children}
          {failure !== null && (
            <p class="note crit" role="alert">
              <Icon name="crit" size={15} />
              <span class="grow">{failure}</span>
            </p>
          )}
          {props.below}
        </div>
        <footer>
          <button type="button" class="btn" disabled={isBusy} onClick={onClose}>
            {props.keep ?? s.value.cancel}
          </button>
          <button
            type="submit"
            class={`btn ${props.isDanger === true ? 'danger-solid' : 'pri'}`}
            disabled={isBusy || !isReady}
            aria-busy={isBusy}
          >
            {isBusy ? t.value.actRunning : act}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
