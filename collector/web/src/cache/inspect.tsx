// Looking at one key: what it is, how long it lives, what it holds with secrets left out; and deleting it.

import { useSignal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';

import { cache, type Inspected } from '../api/cache';
import { bytes, num, span } from '../i18n/format';
import { t } from '../i18n/index';
import { may } from '../state/roles';
import { Icon } from '../ui/icon';
import { Empty } from '../ui/parts';
import { RoleNote } from '../ui/role-note';
import { Confirm } from './confirm';
import { DatabaseChoice, placeOf } from './databases';
import { refusal } from './refusal';
import type { CacheShot } from './source';
import { acted, tell } from './undo';
import { pretty, type ValueLine } from './value';
import { take } from './wish';

/** How long a key lives on: "23 min 41 s". */
function lifetime(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  if (seconds >= 3_600 || minutes === 0) return span(ms);
  return rest === 0 ? span(minutes * 60_000) : `${span(minutes * 60_000)} ${span(rest * 1000)}`;
}

function Tags({ found }: { found: Inspected }) {
  const m = t.value;
  const tags = [
    found.type,
    found.ttl_ms === null ? m.inspectForever : m.inspectTtl(lifetime(found.ttl_ms)),
    found.memory === null ? '' : bytes(found.memory),
    found.size === null
      ? ''
      : found.type === 'string'
        ? bytes(found.size)
        : m.inspectItems(num(found.size), found.size),
    found.encoding ?? '',
    found.format === 'json' || found.format === 'text' ? '' : found.format,
    `db${found.db}`,
  ];
  return (
    <>
      <b class="mono keyname">{found.key}</b>
      {[...new Set(tags)].filter(Boolean).map((tag) => (
        <span key={tag} class="tag">
          {tag}
        </span>
      ))}
    </>
  );
}

interface RevealProps {
  path: string;
  onReveal: (path: string) => void;
  isBusy: boolean;
}

function Reveal({ path, onReveal, isBusy }: RevealProps) {
  const m = t.value;
  return (
    <span class="c masked-note">
      {' ← '}
      {m.inspectMasked}{' '}
      <button class="reveal" disabled={isBusy} title={m.inspectRevealTitle} onClick={() => onReveal(path)}>
        {m.inspectReveal}
        <span class="sr"> {path}</span>
      </button>
    </span>
  );
}

interface ValueProps {
  found: Inspected;
  isRaw: boolean;
  isBusy: boolean;
  onReveal: (path: string) => void;
}

function Line({ line, onReveal, isBusy }: { line: ValueLine } & Omit<RevealProps, 'path'>) {
  return (
    <>
      {'  '.repeat(line.indent)}
      {line.parts.map((part, i) => (
        <span key={i} class={part.class}>
          {part.text}
        </span>
      ))}
      {line.masked !== null && <Reveal path={line.masked} onReveal={onReveal} isBusy={isBusy} />}
      {'\n'}
    </>
  );
}

function Value({ found, isRaw, isBusy, onReveal }: ValueProps) {
  const m = t.value;
  const shown = pretty(found.value, found.format, found.masked);
  return (
    <>
      <pre class="code keyvalue" tabIndex={0} role="region" aria-label={m.inspectValueOf(found.key)}>
        {isRaw
          ? (found.raw ?? m.none)
          : shown.lines.map((line, i) => <Line key={i} line={line} onReveal={onReveal} isBusy={isBusy} />)}
      </pre>
      {shown.others.length > 0 && (
        <ul class="others sub">
          {shown.others.map((path) => (
            <li key={path} class="row">
              <Icon name="eyeoff" size={14} />
              <span class="mono">{path}</span>
              <Reveal path={path} onReveal={onReveal} isBusy={isBusy} />
            </li>
          ))}
        </ul>
      )}
      {(found.is_cut || shown.isCut) && (
        <p class="sub row cutnote">
          <Icon name="info" size={14} />
          {m.inspectCut}
        </p>
      )}
    </>
  );
}

function Copy({ found, isRaw }: { found: Inspected; isRaw: boolean }) {
  const m = t.value;
  const [isCopied, copied] = useState(false);
  const copy = async () => {
    const isText = isRaw || typeof found.value === 'string';
    const text = isText ? (found.raw ?? String(found.value)) : JSON.stringify(found.value, null, 2);
    try {
      await navigator.clipboard.writeText(text);
      copied(true);
      setTimeout(() => copied(false), 2_000);
    } catch {
      // No clipboard on a plain http page: the text can be selected.
    }
  };
  return (
    <button class="btn-icon" aria-label={isCopied ? m.copied : m.inspectCopy} title={m.inspectCopy} onClick={copy}>
      <Icon name={isCopied ? 'check' : 'copy'} />
    </button>
  );
}

interface Asked {
  state: 'nothing' | 'asking' | 'found' | 'failed';
  found: Inspected | null;
  failure: string;
}

const NOTHING: Asked = { state: 'nothing', found: null, failure: '' };

function DeleteKey({ found, onClose, onGone }: { found: Inspected; onClose: () => void; onGone: () => void }) {
  const m = t.value;
  const remove = async () => {
    const { deleted, undo } = await cache.remove({ instance: found.instance, key: found.key, db: found.db });
    onGone();
    tell(
      deleted > 0 ? 'ok' : 'warn',
      found.instance,
      deleted > 0 ? m.deleteDone(found.key) : m.deleteGone(found.key),
      undo,
    );
  };
  return (
    <Confirm
      title={m.deleteTitle}
      sub={m.deleteSub(found.instance)}
      facts={[
        <span key="key" class="mono anywhere">
          {found.key}
        </span>,
        m.deleteEffect,
      ]}
      keep={m.deleteKeep}
      act={m.deleteKey}
      onAct={remove}
      onClose={onClose}
    />
  );
}

export function InspectCard({ shot }: { shot: CacheShot }) {
  const m = t.value;
  const key = useSignal('');
  const db = useSignal<number | null>(null);
  const asked = useSignal<Asked>(NOTHING);
  const isRaw = useSignal(false);
  const isAsking = useSignal(false);
  /** Fields that were asked for, of the key that is shown. */
  const shown = useRef<string[]>([]);
  const isAllowed = may('operator');
  const { instance } = shot;

  const ask = async (name: string, unmask: string[]) => {
    if (name === '' || !isAllowed) return;
    if (asked.peek().state !== 'found') asked.value = { ...NOTHING, state: 'asking' };
    try {
      const order = { ...placeOf(instance, db.peek()), key: name, ...(unmask.length > 0 ? { unmask } : {}) };
      asked.value = { state: 'found', found: await cache.inspect(order), failure: '' };
      shown.current = unmask;
      acted.value += 1;
    } catch (error) {
      asked.value = { state: 'failed', found: null, failure: refusal(error) };
    }
  };
  const submit = (event: Event) => {
    event.preventDefault();
    asked.value = NOTHING;
    void ask(key.peek().trim(), []);
  };
  useEffect(() => {
    const wish = take('inspect', instance);
    if (wish === null) return;
    key.value = wish.key;
    void ask(wish.key, []);
  }, [instance]);

  const { state, found, failure } = asked.value;
  const reveal = (path: string) => found && void ask(found.key, [...shown.current, path]);
  const canDelete = may('admin') && found?.exists === true;
  return (
    <section class="card c7" aria-labelledby="inspect">
      <header>
        <h2 id="inspect">{m.inspectTitle}</h2>
      </header>
      <div class="b">
        <form class="row actform" onSubmit={submit}>
          <span class="in grow">
            <Icon name="key" size={14} />
            <input
              class="mono"
              aria-label={m.cacheKey}
              aria-describedby={isAllowed ? undefined : 'inspect-role'}
              placeholder="session:4f1c…"
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              disabled={!isAllowed}
              value={key.value}
              onInput={(event) => (key.value = event.currentTarget.value)}
            />
          </span>
          <DatabaseChoice shot={shot} value={db.value} onChoose={(next) => (db.value = next)} />
          <button class="btn pri" disabled={!isAllowed || key.value.trim() === '' || state === 'asking'}>
            <Icon name="eye" size={14} />
            {m.inspect}
          </button>
        </form>
        <RoleNote id="inspect-role" needs="operator" />
        {state === 'found' && found?.exists === true && (
          <div class="row wrap keyhead">
            <Tags found={found} />
            <span class="row keytools">
              <span class="seg" role="group" aria-label={m.inspectView}>
                <button aria-pressed={!isRaw.value} onClick={() => (isRaw.value = false)}>
                  {m.inspectPretty}
                </button>
                <button aria-pressed={isRaw.value} disabled={found.raw === null} onClick={() => (isRaw.value = true)}>
                  {m.inspectRaw}
                </button>
              </span>
              <Copy found={found} isRaw={isRaw.value} />
            </span>
          </div>
        )}
        <div class="keyplace" role="status">
          {state === 'nothing' && <Empty icon="key" title={m.inspectNothing} text={m.inspectNothingText} />}
          {state === 'failed' && <Empty icon="crit" title={m.actFailed} text={failure} />}
          {state === 'found' && found?.exists === false && (
            <Empty icon="ghost" title={m.inspectNone} text={m.inspectNoneText(found.key, `db${found.db}`)} />
          )}
        </div>
        {state === 'found' && found?.exists === true && (
          <Value found={found} isRaw={isRaw.value} isBusy={false} onReveal={reveal} />
        )}
      </div>
      <footer class="wrap">
        <span class="grow" id="delete-why">
          {may('admin') ? m.inspectAudited : m.roleNeedsDelete}
        </span>
        <button
          class="btn danger sm"
          disabled={!canDelete}
          aria-describedby="delete-why"
          onClick={() => (isAsking.value = true)}
        >
          <Icon name="trash" size={13} />
          {m.deleteKeyEllipsis}
        </button>
      </footer>
      {isAsking.value && found && (
        <DeleteKey
          found={found}
          onClose={() => (isAsking.value = false)}
          onGone={() => {
            isAsking.value = false;
            asked.value = { state: 'found', found: { ...found, exists: false }, failure: '' };
          }}
        />
      )}
    </section>
  );
}
