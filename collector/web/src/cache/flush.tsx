// The danger zone: emptying one database or the whole instance, with the numbers of that moment.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { cache } from '../api/cache';
import { snapshot } from '../api/outside';
import { outside } from '../api/outside-client';
import { bytes, num } from '../i18n/format';
import { t } from '../i18n/index';
import { may } from '../state/roles';
import { Icon } from '../ui/icon';
import { cacheKey } from './source';
import { RoleNote } from '../ui/role-note';
import { Confirm } from './confirm';
import { DatabaseChoice, placeOf } from './databases';
import { refusal } from './refusal';
import type { CacheShot } from './source';
import { tell } from './undo';
import { take } from './wish';

interface Numbers {
  shot: CacheShot;
  /** People who use the product now; null where nobody counts them. */
  users: number | null;
}

/** How many people are there now, where that is measured; the dialog does not wait for it in vain. */
async function usersNow(): Promise<number | null> {
  try {
    return snapshot(await outside.users(null))?.count ?? null;
  } catch {
    return null;
  }
}

/** Keys of what would be emptied. */
export function keysOf(shot: CacheShot, db: number | null): number | null {
  return db === null ? shot.keys : (shot.databases?.find((one) => one.db === db)?.keys ?? null);
}

function FlushDialog({ instance, onClose }: { instance: string; onClose: () => void }) {
  const m = t.value;
  const numbers = useSignal<Numbers | null>(null);
  const failure = useSignal<string | null>(null);
  const db = useSignal<number | null>(null);
  const version = useSignal(0);
  useEffect(() => {
    Promise.all([outside.redis(cacheKey(instance)), usersNow()]).then(
      ([answer, users]) => {
        const shot = snapshot(answer);
        if (shot) numbers.value = { shot, users };
        else failure.value = m.flushNoNumbers;
      },
      (error: unknown) => (failure.value = refusal(error)),
    );
  }, [instance]);
  const now = numbers.value;
  const keys = now && keysOf(now.shot, db.value);
  const act = async (reason: string | undefined) => {
    const order = { ...placeOf(instance, db.peek()), confirm: instance, ...(reason === undefined ? {} : { reason }) };
    const { keys_before: before, keys_after: after } = await cache.flush(order);
    const gone = before === null ? keys : before - (after ?? 0);
    tell('ok', instance, gone === null ? m.flushDone(instance) : m.flushDoneKeys(num(gone), gone, instance), null);
    onClose();
  };
  const facts = [
    now === null
      ? m.flushCounting
      : db.value === null
        ? m.flushAll(
            keys === null ? m.none : num(keys),
            num(now.shot.databases?.length ?? 1),
            now.shot.databases?.length ?? 1,
            now.shot.used_memory === null ? m.none : bytes(now.shot.used_memory),
          )
        : m.flushOne(keys === null ? m.none : num(keys), `db${db.value}`),
    ...(now?.users == null ? [] : [m.flushUsers(num(now.users), now.users)]),
    m.flushReads,
  ];
  return (
    <Confirm
      title={db.value === null ? m.flushTitle(instance) : m.flushTitleOne(`db${db.value}`, instance)}
      sub={m.flushSub}
      facts={facts}
      name={instance}
      keep={m.flushKeep}
      act={keys === null ? m.flushActUnknown : m.flushAct(num(keys), keys)}
      isReady={now !== null}
      notice={failure.value}
      version={version.value}
      onAct={act}
      onClose={onClose}
    >
      {now !== null && (
        <DatabaseChoice
          shot={now.shot}
          value={db.value}
          all={m.flushEvery}
          onChoose={(next) => {
            db.value = next;
            // Another thing to agree to.
            version.value += 1;
          }}
        />
      )}
    </Confirm>
  );
}

export function DangerZone({ shot }: { shot: CacheShot }) {
  const m = t.value;
  const isAsking = useSignal(false);
  const isAllowed = may('super_admin');
  const { instance } = shot;
  useEffect(() => {
    if (take('flush', instance) !== null && isAllowed) isAsking.value = true;
  }, [instance]);
  return (
    <section class="card danger" aria-labelledby="danger">
      <header>
        <h2 id="danger" class="crit row">
          <Icon name="warn" />
          {m.dangerZone}
        </h2>
      </header>
      <div class="b">
        <div class="row wrap dangerrow">
          <div class="grow">
            <b>{m.flushWhat}</b>
            <p class="sub">{m.flushText(instance, shot.keys === null ? m.none : num(shot.keys))}</p>
          </div>
          <button
            class="btn danger-solid"
            disabled={!isAllowed}
            aria-describedby={isAllowed ? undefined : 'flush-role'}
            onClick={() => (isAsking.value = true)}
          >
            <Icon name="trash" size={15} />
            {m.flushButton}
          </button>
        </div>
        <RoleNote id="flush-role" needs="super_admin" />
      </div>
      {isAsking.value && <FlushDialog instance={instance} onClose={() => (isAsking.value = false)} />}
    </section>
  );
}
