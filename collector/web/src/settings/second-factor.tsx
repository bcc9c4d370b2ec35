// The second factor of one's own account: turned on with an authenticator app, its recovery codes, turned off.

import { useState } from 'preact/hooks';

import { account, type Enrolment, type Me } from '../api/access';
import { toast } from '../ui/toast';
import { Icon } from '../ui/icon';
import { providerOf, whyNot } from './account';
import { Field, FormDialog } from './form';
import { Once, Secret } from './once';
import { Mark } from './times';
import { s } from './words';

/** Drawn dark on white in both themes, as readers expect it; the white margin is part of its size. */
function Qr({ qr }: { qr: Enrolment['qr'] }) {
  return (
    <svg class="qr" viewBox={`0 0 ${qr.size} ${qr.size}`} role="img" aria-label={s.value.factorQr}>
      <rect width={qr.size} height={qr.size} />
      <path d={qr.path} shape-rendering="crispEdges" />
    </svg>
  );
}

/** In groups of four, as it is easier to type. */
export function grouped(secret: string): string {
  return secret.match(/.{1,4}/g)?.join(' ') ?? secret;
}

interface CodeProps {
  value: string;
  onInput: (value: string) => void;
  isAny?: boolean;
  isFirst?: boolean;
}

function CodeField({ value, onInput, isAny = false, isFirst = false }: CodeProps) {
  const m = s.value;
  return (
    <Field
      id="code"
      label={isAny ? m.factorAnyCode : m.factorCode}
      autocomplete="one-time-code"
      inputmode={isAny ? 'text' : 'numeric'}
      value={value}
      onInput={onInput}
      isFirst={isFirst}
    />
  );
}

function PasswordField({ value, onInput }: { value: string; onInput: (value: string) => void }) {
  return (
    <Field
      id="factor-password"
      label={s.value.factorPassword}
      type="password"
      autocomplete="current-password"
      maxLength={1_024}
      value={value}
      onInput={onInput}
      isFirst
    />
  );
}

const clean = (code: string) => code.replace(/\s/g, '');

interface StepProps {
  onDone: (codes: string[] | null) => void;
  onClose: () => void;
}

/** Password first, then the app's first code. */
function EnableDialog({ onDone, onClose }: StepProps) {
  const m = s.value;
  const [password, setPassword] = useState('');
  const [begun, begin] = useState<Enrolment | null>(null);
  const [code, setCode] = useState('');
  if (begun === null) {
    return (
      <FormDialog
        key="password"
        title={m.factorEnable}
        sub={m.factorStepOne}
        icon="shield"
        act={m.factorNext}
        isReady={password !== ''}
        onClose={onClose}
        onSend={async () => begin(await account.begin(password))}
      >
        <PasswordField value={password} onInput={setPassword} />
      </FormDialog>
    );
  }
  return (
    <FormDialog
      key="code"
      title={m.factorEnable}
      sub={m.factorScan}
      icon="shield"
      act={m.factorConfirm}
      isReady={clean(code) !== ''}
      onClose={onClose}
      onSend={async () => onDone(await account.confirm(clean(code)))}
    >
      <Qr qr={begun.qr} />
      <div class="field">
        <span class="lbl">{m.factorSecret}</span>
        <Secret text={grouped(begun.secret)} label={m.factorSecret} />
      </div>
      <CodeField value={code} onInput={setCode} isFirst />
    </FormDialog>
  );
}

function DisableDialog({ onDone, onClose }: StepProps) {
  const m = s.value;
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  return (
    <FormDialog
      title={m.factorDisableTitle}
      sub={m.factorDisableSub}
      icon="shield"
      act={m.factorDisableAct}
      keep={m.factorKeep}
      isDanger
      isReady={password !== '' && clean(code) !== ''}
      onClose={onClose}
      onSend={async () => {
        await account.disable(password, clean(code));
        onDone(null);
      }}
    >
      <PasswordField value={password} onInput={setPassword} />
      <CodeField value={code} onInput={setCode} isAny />
    </FormDialog>
  );
}

function NewCodesDialog({ onDone, onClose }: StepProps) {
  const m = s.value;
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  return (
    <FormDialog
      title={m.factorCodesTitle}
      sub={m.factorCodesSub}
      icon="key"
      act={m.factorCodesAct}
      isReady={password !== '' && clean(code) !== ''}
      onClose={onClose}
      onSend={async () => onDone(await account.recovery(password, clean(code)))}
    >
      <PasswordField value={password} onInput={setPassword} />
      <CodeField value={code} onInput={setCode} isAny />
    </FormDialog>
  );
}

/** Hands a text to the browser as a file. */
function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

function Codes({ codes, username, onKept }: { codes: readonly string[]; username: string; onKept: () => void }) {
  const m = s.value;
  const text = codes.join('\n');
  return (
    <Once title={m.codesTitle} text={m.codesText} onKept={onKept}>
      <Secret text={text} label={m.codesTitle} />
      <div class="row">
        <button type="button" class="btn" onClick={() => save(m.codesFile(username), `${text}\n`)}>
          <Icon name="down" size={14} />
          {m.download}
        </button>
      </div>
    </Once>
  );
}

type Doing = 'enable' | 'disable' | 'codes' | null;

export function SecondFactor({ me, onChange }: { me: Me; onChange: () => void }) {
  const m = s.value;
  const [doing, act] = useState<Doing>(null);
  const [codes, show] = useState<readonly string[] | null>(null);
  const why = whyNot(me);
  const provider = providerOf(me.origin);
  const close = () => act(null);
  const done = (found: string[] | null) => {
    if (doing === 'enable') toast('ok', m.factorDone);
    if (doing === 'disable') toast('ok', m.factorGone);
    act(null);
    show(found);
    onChange();
  };
  const button = (what: Exclude<Doing, null>, word: string, look = '') => (
    <button class={`btn ${look}`} disabled={why !== null} aria-describedby="factor-why" onClick={() => act(what)}>
      {word}
    </button>
  );
  return (
    <section class="card" aria-labelledby="factor">
      <header>
        <h2 id="factor">{m.factorTitle}</h2>
        <span class="end set-state">
          {provider === null &&
            (me.second_factor ? (
              <Mark look="ok" icon="check" word={m.factorOn} />
            ) : (
              <Mark look="warn" icon="warn" word={m.factorOff} />
            ))}
        </span>
      </header>
      <div class="b set-acts">
        <p class="muted" id="factor-why">
          {why ?? (me.second_factor ? m.factorTextOn : m.factorTextOff)}
        </p>
        <div class="row wrap">
          {me.second_factor ? (
            <>
              {button('codes', m.factorNewCodes)}
              {button('disable', m.factorDisable, 'danger')}
            </>
          ) : (
            button('enable', m.factorEnable, 'pri')
          )}
        </div>
      </div>
      {doing === 'enable' && <EnableDialog onDone={done} onClose={close} />}
      {doing === 'disable' && <DisableDialog onDone={done} onClose={close} />}
      {doing === 'codes' && <NewCodesDialog onDone={done} onClose={close} />}
      {codes !== null && <Codes codes={codes} username={me.username} onKept={() => show(null)} />}
    </section>
  );
}
