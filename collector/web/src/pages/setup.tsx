// Creating the first administrator from the one-time link.

import { useEffect, useState } from 'preact/hooks';

import { api, ApiError } from '../api/client';
import { access } from '../i18n/access';
import { t } from '../i18n/index';
import { go, param, route } from '../state/route';
import { entered } from '../state/session';
import { Failure, failureText, Field, useSending } from './access-form';
import { Frame } from './entrance';

export function Setup() {
  const m = t.value;
  const w = access.value;
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
    <Frame title={w.setupTitle} text={given === '' ? w.setupNeeded : w.setupText}>
      <form onSubmit={submit}>
        <Failure text={failure === null ? null : text} />
        {given === '' && (
          <Field
            id="token"
            label={w.setupToken}
            value={token}
            onInput={setToken}
            autocomplete="off"
            hint={w.setupTokenHint}
            isBad={false}
            isFirst
          />
        )}
        <Field
          id="username"
          label={w.username}
          value={username}
          onInput={setUsername}
          autocomplete="username"
          isBad={false}
          isFirst={given !== ''}
        />
        <Field
          id="password"
          label={w.password}
          type="password"
          value={password}
          onInput={setPassword}
          autocomplete="new-password"
          isBad={false}
        />
        <button class="btn pri lg" disabled={isBusy} aria-busy={isBusy}>
          {w.setupButton}
        </button>
      </form>
    </Frame>
  );
}
