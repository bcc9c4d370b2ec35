// Signing in. What few need (second factor, providers, the first administrator) comes when it is needed.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { api, ApiError } from '../api/client';
import { span } from '../i18n/format';
import { t } from '../i18n/index';
import { LanguageSwitch } from '../shell/shell';
import { param } from '../state/route';
import { ask as askAgain, entered, providers, session, version } from '../state/session';
import { Icon, Mark } from '../ui/icon';

const MORE = () => import('./access-more');

/** What went wrong, in the reader's words. */
export function failureText(error: unknown): string {
  const m = t.value;
  if (!(error instanceof ApiError)) return m.unreachable;
  if (error.status === 0 || error.status >= 502) return m.unreachable;
  if (error.status === 401) return m.badLogin;
  if (error.status === 429) return m.tooManyTries(span((error.retryAfter ?? 60) * 1000));
  return m.failed(error.detail);
}

export function Frame({ title, text, children }: { title: string; text: string; children: ComponentChildren }) {
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

export function Failure({ text }: { text: string | null }) {
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

/** A part of the page that is fetched when it is wanted; `isLost` when it could not be. */
export function useLater<T>(isWanted: boolean, load: () => Promise<T>): { part: T | null; isLost: boolean } {
  const [part, found] = useState<T | null>(null);
  const [isLost, lose] = useState(false);
  useEffect(() => {
    if (isWanted && part === null)
      load().then(
        (loaded) => found(() => loaded),
        () => lose(true),
      );
  }, [isWanted]);
  return { part, isLost };
}

export function SignIn() {
  const m = t.value;
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [isAsked, ask] = useState(false);
  const sent = useRef('');
  const fault = param('fault');
  const { part: more, isLost } = useLater(isAsked || fault !== null || providers.value.length > 0, MORE);
  const { isBusy, failure, submit, forget } = useSending(async () => {
    try {
      sent.current = code.replace(/\s/g, '');
      const { user } = await api.login(username, password, isAsked ? sent.current : undefined);
      entered(user);
    } catch (error) {
      const word = error instanceof ApiError ? error.code : null;
      if (word !== 'second_factor_required') {
        setCode('');
        if (word !== 'second_factor_wrong' && error instanceof ApiError && error.status === 401) ask(false);
        throw error;
      }
      ask(true);
    }
  });
  const isBad = failure instanceof ApiError && failure.status === 401;
  const back = () => {
    ask(false);
    setCode('');
    forget();
  };
  return (
    <Frame title={m.signIn} text={m.signInText}>
      <form onSubmit={submit}>
        <Failure
          text={
            isLost && isAsked
              ? m.unreachable
              : failure === null
                ? null
                : (more?.codeFault(failure, sent.current) ?? failureText(failure))
          }
        />
        {more && fault !== null && failure === null && <more.Fault code={fault} />}
        {isAsked ? (
          more && <more.Code username={username} code={code} onInput={setCode} isBad={isBad} />
        ) : (
          <>
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
          </>
        )}
        <button class="btn pri lg" disabled={isBusy} aria-busy={isBusy}>
          {m.signIn}
        </button>
      </form>
      {more && (isAsked ? <more.Back onClick={back} /> : <more.Providers />)}
    </Frame>
  );
}

/** The collector does not answer at all: tries again by itself every few seconds. */
export function Unreachable() {
  const m = t.value;
  useEffect(() => {
    const timer = setInterval(() => void askAgain(), 3_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <Frame title={m.collectorDown} text={m.unreachable}>
      <button class="btn lg" onClick={() => void askAgain()}>
        <Icon name="refresh" />
        {m.retry}
      </button>
    </Frame>
  );
}
