// The form of signing in: its fields, and what was refused.

import { useEffect, useRef, useState } from 'preact/hooks';

import { ApiError } from '../api/client';
import { access } from '../i18n/access';
import { span } from '../i18n/format';
import { t } from '../i18n/index';
import { Icon } from '../ui/icon';

/** What went wrong, in the reader's words. */
export function failureText(error: unknown): string {
  const m = t.value;
  const w = access.value;
  if (!(error instanceof ApiError)) return m.unreachable;
  if (error.status === 0 || error.status >= 502) return m.unreachable;
  if (error.code === 'disabled') return w.disabled;
  if (error.status === 401) return w.badLogin;
  if (error.status === 429) return w.tooManyTries(span((error.retryAfter ?? 60) * 1000));
  return m.failed(error.detail);
}

interface FieldProps {
  id: string;
  label: string;
  value: string;
  onInput: (value: string) => void;
  type?: 'text' | 'password';
  autocomplete: string;
  hint?: string;
  inputmode?: 'numeric' | 'text';
  isBad: boolean;
  isFirst?: boolean;
}

export function Field(props: FieldProps) {
  const {
    id,
    label,
    value,
    onInput,
    type = 'text',
    autocomplete,
    hint,
    inputmode = 'text',
    isBad,
    isFirst = false,
  } = props;
  const w = access.value;
  const [isShown, show] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (isFirst) input.current?.focus();
  }, []);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class={`in big ${isBad ? 'bad' : ''}`}>
        <input
          ref={input}
          id={id}
          name={id}
          {...(isShown || type === 'text' ? { type: 'text' as const } : { type: 'password' as const })}
          autocomplete={autocomplete}
          autocapitalize="none"
          inputmode={inputmode}
          spellcheck={false}
          required
          value={value}
          aria-invalid={isBad}
          aria-describedby={hint === undefined ? undefined : `${id}-hint`}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
        {type === 'password' && (
          <button
            type="button"
            class="btn-icon"
            aria-label={isShown ? w.hidePassword : w.showPassword}
            aria-pressed={isShown}
            onClick={() => show(!isShown)}
          >
            <Icon name="eye" />
          </button>
        )}
      </span>
      {hint !== undefined && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
}

export function Failure({ text }: { text: string | null }) {
  return (
    <div role="alert">
      {text !== null && (
        <div class="note crit">
          <Icon name="crit" />
          <span class="grow">{text}</span>
        </div>
      )}
    </div>
  );
}

/** One form at a time is sent; its failure stands above the fields. */
export function useSending(send: () => Promise<void>) {
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setFailure(null);
    try {
      await send();
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, failure, submit, forget: () => setFailure(null) };
}
