// What signing in needs beyond name and password: the second factor, providers, and what went wrong at one of them.

import { address, ApiError } from '../api/client';
import { access } from '../i18n/access';
import { providers } from '../state/session';
import { Icon } from '../ui/icon';
import { Field } from './access-form';
import '../css/access.css';

/** A code that an authenticator app shows; anything else that was typed is a recovery code. */
const DIGITS = /^\d{6}$/;

/** What to say of a refused code; null when the failure is about something else. */
export function codeFault(failure: unknown, sent: string): string | null {
  const word = failure instanceof ApiError ? failure.code : null;
  if (word === 'second_factor_unreadable') return access.value.unreadable;
  if (word !== 'second_factor_wrong') return null;
  return DIGITS.test(sent) ? access.value.codeWrong : access.value.recoveryWrong;
}

interface CodeProps {
  code: string;
  isRecovery: boolean;
  onInput: (code: string) => void;
  isBad: boolean;
}

/** The field of the second step. Its kind changes the keyboard of a phone, not what is accepted. */
export function Code({ code, isRecovery, onInput, isBad }: CodeProps) {
  const w = access.value;
  return (
    <Field
      key={isRecovery ? 'recovery' : 'code'}
      id="code"
      label={isRecovery ? w.recovery : w.code}
      value={code}
      onInput={onInput}
      autocomplete={isRecovery ? 'off' : 'one-time-code'}
      inputmode={isRecovery ? 'text' : 'numeric'}
      hint={isRecovery ? w.recoveryHint : w.codeHint}
      isBad={isBad}
      isFirst
    />
  );
}

interface WaysProps {
  isRecovery: boolean;
  onTurn: () => void;
  onBack: () => void;
}

/** Ways on from the second step: the other kind of code, or another name. */
export function Ways({ isRecovery, onTurn, onBack }: WaysProps) {
  const w = access.value;
  return (
    <div class="lother">
      <button class="btn ghost" onClick={onTurn}>
        {isRecovery ? w.useCode : w.useRecovery}
      </button>
      <button class="btn ghost" onClick={onBack}>
        <Icon name="chevl" />
        {w.back}
      </button>
    </div>
  );
}

/** One way in for each provider that the collector knows. */
export function Providers() {
  const w = access.value;
  if (providers.value.length === 0) return null;
  return (
    <div class="lother">
      <p class="lor">{w.or}</p>
      {providers.value.map(({ name, title }) => (
        <a key={name} class="btn lg" href={address(`api/auth/oidc/${encodeURIComponent(name)}`)}>
          <Icon name="shield" />
          <span class="ell">{w.enterWith(title)}</span>
        </a>
      ))}
    </div>
  );
}

function faultText(code: string): string {
  const w = access.value;
  const texts: Record<string, string> = {
    oidc_refused: w.faultRefused,
    oidc_expired: w.faultExpired,
    oidc_no_role: w.faultRole,
    oidc_failed: w.faultFailed,
    oidc_unreachable: w.faultUnreachable,
  };
  // The code is part of an address that anybody can write: a short word of it is all that is shown.
  return texts[code] ?? w.faultOther(code.replace(/[^\w-]/g, '').slice(0, 40));
}

/** What went wrong at the provider, from where we were sent back. */
export function Fault({ code }: { code: string }) {
  return (
    <div class="note crit" role="alert">
      <Icon name="crit" />
      <span class="grow">{faultText(code)}</span>
    </div>
  );
}
