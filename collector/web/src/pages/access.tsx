// Signing in, and creating the first administrator from the one-time link.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { api, ApiError } from '../api/client';
import { span } from '../i18n/format';
import { t } from '../i18n/index';
import { LanguageSwitch } from '../shell/shell';
import { go, param, route } from '../state/route';
import { ask, entered, session, version } from '../state/session';
import { Icon, Mark } from '../ui/icon';

/** What went wrong, in the reader's words. */
export function failureText(error: unknown): string {
  const m = t.value;
  if (!(error instanceof ApiError)) return m.unreachable;
  if (error.status === 0 || error.status >= 502) return m.unreachable;
  if (error.status === 401) return m.badLogin;
  if (error.status === 429) return m.tooManyTries(span((error.retryAfter ?? 60) * 1000));
  return m.failed(error.detail);
}

function Frame({ title, text, children }: { title: string; text: string; children: ComponentChildren }) {
  const m = t.value;
  const isUp = session.value.state !== 'unreachable';
  return (
    <main class="login">
      <div class="lcard">
        <div class={`row lbrand ${isUp ? 'ok' : 'unk'}`}>
          <Mark size={30} />
          <b>Farol</b>
        </div>
        <h1>{title}</h1>
        <p class="muted">{text}</p>
        {children}
      </div>
      <div class="row lfoot">
        <span class="row">
          <span class={`led ${isUp ? 'ok' : 'crit'}`} />
          {isUp ? m.collectorUp : m.collectorDown}
          {version.value !== null && ` · v${version.value}`}
        </span>
        <LanguageSwitch />
      </div>
    </main>
  );
}

interface FieldProps {
  id: string;
  label: string;
  value: string;
  onInput: (value: string) => void;
  type?: 'text' | 'password';
  autocomplete: string;
  hint?: string;
  isBad: boolean;
  isFirst?: boolean;
}

function Field({ id, label, value, onInput, type = 'text', autocomplete, hint, isBad, isFirst = false }: FieldProps) {
  const m = t.value;
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
            aria-label={isShown ? m.hidePassword : m.showPassword}
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

function Failure({ text }: { text: string | null }) {
  return (
    <div role="alert">
      {text !== null && (
        <div class="note crit">
          <Icon name="crit" />
          <span>{text}</span>
        </div>
      )}
    </div>
  );
}

/** One form at a time is sent; its failure stands above the fields. */
function useSending(send: () => Promise<void>) {
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
  return { isBusy, failure, submit };
}

export function SignIn() {
  const m = t.value;
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const { isBusy, failure, submit } = useSending(async () => {
    const { user } = await api.login(username, password);
    entered(user);
  });
  const isBad = failure instanceof ApiError && failure.status === 401;
  return (
    <Frame title={m.signIn} text={m.signInText}>
      <form onSubmit={submit}>
        <Failure text={failure === null ? null : failureText(failure)} />
        <Field
          id="username"
          label={m.username}
          value={username}
          onInput={setUsername}
          autocomplete="username"
          isBad={isBad}
          isFirst
        />
        <Field
          id="password"
          label={m.password}
          type="password"
          value={password}
          onInput={setPassword}
          autocomplete="current-password"
          isBad={isBad}
        />
        <button class="btn pri lg" disabled={isBusy} aria-busy={isBusy}>
          {m.signIn}
        </button>
      </form>
    </Frame>
  );
}

export function Setup() {
  const m = t.value;
  const given = param('token') ?? '';
  const [token, setToken] = useState(given);
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  useEffect(() => setToken(given), [given]);
  const { isBusy, failure, submit } = useSending(async () => {
    const { user } = await api.setup(token.trim(), username, password);
    // The token leaves the address before anything else is asked for.
    history.replaceState(null, '', '#/');
    go('/');
    route.value = { path: '/', params: new URLSearchParams() };
    entered(user);
  });
  const text = failure instanceof ApiError && failure.status === 401 ? m.failed(failure.detail) : failureText(failure);
  return (
    <Frame title={m.setupTitle} text={given === '' ? m.setupNeeded : m.setupText}>
      <form onSubmit={submit}>
        <Failure text={failure === null ? null : text} />
        {given === '' && (
          <Field
            id="token"
            label={m.setupToken}
            value={token}
            onInput={setToken}
            autocomplete="off"
            hint={m.setupTokenHint}
            isBad={false}
            isFirst
          />
        )}
        <Field
          id="username"
          label={m.username}
          value={username}
          onInput={setUsername}
          autocomplete="username"
          isBad={false}
          isFirst={given !== ''}
        />
        <Field
          id="password"
          label={m.password}
          type="password"
          value={password}
          onInput={setPassword}
          autocomplete="new-password"
          isBad={false}
        />
        <button class="btn pri lg" disabled={isBusy} aria-busy={isBusy}>
          {m.setupButton}
        </button>
      </form>
    </Frame>
  );
}

/** The collector does not answer at all: tries again by itself every few seconds. */
export function Unreachable() {
  const m = t.value;
  useEffect(() => {
    const timer = setInterval(() => void ask(), 3_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <Frame title={m.collectorDown} text={m.unreachable}>
      <button class="btn lg" onClick={() => void ask()}>
        <Icon name="refresh" />
        {m.retry}
      </button>
    </Frame>
  );
}
