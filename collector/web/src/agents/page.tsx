// Adding an agent: make its token, paste what is shown, and be told when its first sample is here.

import { useState } from 'preact/hooks';

import { account, agentTokens, type IssuedAgent, type Me } from '../api/access';
import { address, ApiError } from '../api/client';
import { refusal } from '../cache/refusal';
import { t } from '../i18n/index';
import { mayKeep, whyLocked } from '../settings/bound';
import { Field } from '../settings/form';
import { useLoaded } from '../settings/load';
import { knownTenants } from '../settings/person';
import { s } from '../settings/words';
import { Shell } from '../shell/shell';
import { Failed } from '../ui/card';
import { Icon } from '../ui/icon';
import { LeaveGuard } from '../ui/leave';
import { Empty, Skeleton } from '../ui/parts';
import { Greeting, Wait } from './arrival';
import { Paste } from './paste';
import { useArrival } from './wait';
import { a } from './words';
import '../css/settings.css';
import '../css/agents.css';

/** The address by which this page was opened. */
function ownAddress(): string {
  return address('').replace(/\/$/, '');
}

function Form({ me, onMade }: { me: Me; onMade: (made: IssuedAgent) => void }) {
  const m = a.value;
  const [name, setName] = useState('');
  const [tenant, setTenant] = useState(me.tenant ?? '');
  const [environment, setEnvironment] = useState('');
  const [isBusy, busy] = useState(false);
  const [failure, fail] = useState<string | null>(null);
  const send = async (event: Event) => {
    event.preventDefault();
    if (isBusy || name.trim() === '') return;
    busy(true);
    fail(null);
    try {
      const order = {
        name: name.trim(),
        ...(tenant.trim() === '' ? {} : { tenant: tenant.trim() }),
        ...(environment.trim() === '' ? {} : { environment: environment.trim() }),
      };
      onMade(await agentTokens.create(order));
    } catch (error) {
      fail(error instanceof ApiError && error.status === 409 ? m.exists : refusal(error));
      busy(false);
    }
  };
  return (
    <section class="card" aria-labelledby="agent-one">
      <header>
        <h2 id="agent-one">{m.stepOne}</h2>
      </header>
      <form class="b agent-form" onSubmit={(event) => void send(event)}>
        <p class="muted">{m.intro}</p>
        <Field id="agent-name" label={m.name} value={name} onInput={setName} hint={m.nameHint} isFirst />
        <details>
          <summary>{m.more}</summary>
          <div class="agent-more">
            <Field
              id="agent-tenant"
              label={s.value.tenant}
              value={tenant}
              onInput={setTenant}
              hint={m.tenantHint}
              offered={knownTenants.value}
              isLocked={me.tenant !== null}
              isOptional
            />
            <Field
              id="agent-environment"
              label={m.environment}
              value={environment}
              onInput={setEnvironment}
              hint={m.environmentHint}
              isOptional
            />
          </div>
        </details>
        {failure !== null && (
          <p class="note crit" role="alert">
            <Icon name="crit" size={15} />
            <span class="grow">{failure}</span>
          </p>
        )}
        <button type="submit" class="btn pri" disabled={isBusy || name.trim() === ''} aria-busy={isBusy}>
          {isBusy ? t.value.actRunning : m.make}
        </button>
      </form>
    </section>
  );
}

/** From the token to the first sample. */
function Made({ made, onAnother }: { made: IssuedAgent; onAnother: () => void }) {
  const waiting = useArrival(made.token_row.id);
  const has = (waiting.told?.agents.length ?? 0) > 0;
  const m = a.value;
  return (
    <>
      {has && waiting.told !== null ? (
        <Greeting agents={waiting.told.agents} onAnother={onAnother} />
      ) : (
        <Wait name={made.token_row.name} waiting={waiting} />
      )}
      {/* The token is on this page alone: who leaves it by mistake would have to make another one. */}
      <LeaveGuard title={m.leaveTitle} text={m.leaveText} act={m.leave} keep={m.stay} isDirty={() => !has} />
      <Paste name={made.token_row.name} token={made.token} url={made.public_url ?? ownAddress()} />
    </>
  );
}

function Begun() {
  const me = useLoaded('me', (signal) => account.me(signal));
  const [made, make] = useState<IssuedAgent | null>(null);
  if (made !== null) return <Made key={made.token_row.id} made={made} onAnother={() => make(null)} />;
  if (me.data !== null) return <Form me={me.data} onMade={make} />;
  if (me.failure === null) return <Skeleton height={320} />;
  return (
    <section class="card">
      <div class="b">
        <Failed text={me.failure} onRetry={me.retry} />
      </div>
    </section>
  );
}

export function AddAgentPage() {
  return (
    <Shell title={t.value.addAgent} ranges="none">
      <div class="agents">
        {mayKeep('admin') ? (
          <Begun />
        ) : (
          <section class="card">
            <div class="b">
              <Empty icon="shield" title={a.value.locked} text={whyLocked('admin')} />
            </div>
          </section>
        )}
      </div>
    </Shell>
  );
}
