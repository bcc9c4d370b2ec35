// Signing in, by name and password, with a second factor or through a provider. A chunk of its own, for those who are out.

import { useRef, useState } from 'preact/hooks';

import { api, ApiError } from '../api/client';
import { access } from '../i18n/access';
import { param } from '../state/route';
import { entered } from '../state/session';
import { Code, codeFault, Fault, Providers, Ways } from './access-more';
import { Failure, failureText, Field, useSending } from './access-form';
import { Frame } from './entrance';

export { Setup } from './setup';

export function SignIn() {
  const w = access.value;
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [isAsked, ask] = useState(false);
  const [isRecovery, recover] = useState(false);
  const sent = useRef('');
  const fault = param('fault');
  const { isBusy, failure, submit, forget } = useSending(async () => {
    try {
      sent.current = code.replace(/\s/g, '');
      const { user } = await api.login(username, password, isAsked ? sent.current : undefined);
      entered(user);
    } catch (error) {
      const word = error instanceof ApiError ? error.code : null;
      if (word !== 'second_factor_required') {
        setCode('');
        // Refused for the password after all.
        if (word === null && error instanceof ApiError && error.status === 401) ask(false);
        throw error;
      }
      ask(true);
    }
  });
  const isBad = failure instanceof ApiError && failure.status === 401;
  const turn = (isAskedNow: boolean, isRecoveryNow: boolean) => {
    ask(isAskedNow);
    recover(isRecoveryNow);
    setCode('');
    forget();
  };
  return (
    <Frame title={w.signIn} text={isAsked ? w.codeText(username) : w.signInText}>
      <form onSubmit={submit}>
        <Failure text={failure === null ? null : (codeFault(failure, sent.current) ?? failureText(failure))} />
        {fault !== null && failure === null && <Fault code={fault} />}
        {isAsked ? (
          <Code code={code} isRecovery={isRecovery} onInput={setCode} isBad={isBad} />
        ) : (
          <>
            <Field
              id="username"
              label={w.username}
              value={username}
              onInput={setUsername}
              autocomplete="username"
              isBad={isBad}
              isFirst
            />
            <Field
              id="password"
              label={w.password}
              type="password"
              value={password}
              onInput={setPassword}
              autocomplete="current-password"
              isBad={isBad}
            />
          </>
        )}
        <button class="btn pri lg" disabled={isBusy} aria-busy={isBusy}>
          {w.signIn}
        </button>
      </form>
      {isAsked ? (
        <Ways isRecovery={isRecovery} onTurn={() => turn(true, !isRecovery)} onBack={() => turn(false, false)} />
      ) : (
        <Providers />
      )}
    </Frame>
  );
}
