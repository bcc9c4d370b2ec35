// The waiting, what the collector knows meanwhile, and the greeting of whoever came.

import { useEffect } from 'preact/hooks';

import type { Arrivals } from '../api/access';
import { bytes, pct, span } from '../i18n/format';
import { reload } from '../live/feed';
import { fleet, type Resource } from '../live/fleet';
import { href } from '../state/route';
import { announce } from '../ui/announcer';
import { Icon } from '../ui/icon';
import { Command, StatusIcon } from '../ui/parts';
import { advice } from './advice';
import { LATE_MS, type Waiting } from './wait';
import { a } from './words';

/** How often the list of resources is asked for until the agent's is in it. */
const LOOK_EVERY_MS = 2_000;

function Late({ told }: { told: Arrivals }) {
  const m = a.value;
  const found = advice(told);
  return (
    <div class="note warn agent-late" role="alert">
      <Icon name="warn" size={15} />
      <div class="grow">
        <b>{m.lateTitle}</b>
        {found.length === 0 ? (
          <>
            <p>{m.nobody}</p>
            <Command text="farol-agent check" />
            <p class="sub">{m.nobodyLogs}</p>
          </>
        ) : (
          <ul>
            {found.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

export function Wait({ name, waiting }: { name: string; waiting: Waiting }) {
  const m = a.value;
  const { told, isOver, since, isAlone } = waiting;
  const waited = Date.now() - since;
  // Who was turned away is known at once; that nobody came is not worth a word before its time.
  const isLate = told !== null && (waited > LATE_MS || advice(told).length > 0);
  return (
    <section class="card" data-wait={isOver ? 'stopped' : 'waiting'}>
      <div class="b agent-wait">
        <div class="row">
          <p class="row grow" role="status">
            {!isOver && <span class="led pulse unk" />}
            <span class="anywhere">{isOver ? m.stopped : m.waiting(name)}</span>
          </p>
          {!isOver && waited > 5_000 && <span class="sub">{m.waitingFor(span(waited))}</span>}
          <button type="button" class="btn sm" onClick={isOver ? waiting.again : waiting.stop}>
            {isOver ? m.again : m.stop}
          </button>
        </div>
        {isAlone && !isOver && <p class="sub">{m.asked}</p>}
        {isLate && <Late told={told} />}
      </div>
    </section>
  );
}

/** The agent's own resource, as soon as the page knows it: the first that has figures, else the first. */
function useResource(ids: readonly number[]): Resource | null {
  const known = ids.flatMap((id) => fleet.value.get(id) ?? []);
  const isKnown = known.length > 0;
  useEffect(() => {
    if (isKnown) return;
    void reload();
    const timer = setInterval(() => void reload(), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [isKnown]);
  return known.find(({ live }) => live.value.latest.cpu_used !== null) ?? known[0] ?? null;
}

function Figures({ resource }: { resource: Resource }) {
  const m = a.value;
  const { cpu_ratio, cpu_used, memory_used } = resource.live.value.latest;
  const cpu = cpu_ratio ?? cpu_used;
  if (cpu === null && memory_used === null) return <p class="sub">{m.figureSoon}</p>;
  return (
    <p class="row agent-figures">
      {cpu !== null && (
        <span>
          {m.cpu} <b data-figure="cpu">{pct(cpu)}</b>
        </span>
      )}
      {memory_used !== null && (
        <span>
          {m.memory} <b data-figure="memory">{bytes(memory_used)}</b>
        </span>
      )}
    </p>
  );
}

export function Greeting({ agents, onAnother }: { agents: Arrivals['agents']; onAnother: () => void }) {
  const m = a.value;
  const resource = useResource(agents.flatMap((one) => one.resources));
  const name = resource?.row.value.name ?? agents[0]?.agent ?? '';
  useEffect(() => announce(m.hello(name)), [name]);
  return (
    <section class="card agent-hello" data-hello={agents[0]?.agent} aria-labelledby="agent-hello">
      <div class="b agent-wait">
        <div class="row">
          {resource === null ? (
            <Icon name="check" size={20} />
          ) : (
            <StatusIcon status={resource.live.value.status} size={20} />
          )}
          <h2 id="agent-hello" class="grow anywhere">
            {m.hello(name)}
          </h2>
        </div>
        <p class="sub">{agents.length > 1 ? m.helloMore(agents.length) : m.helloText}</p>
        {resource === null ? <p class="sub">{m.figureSoon}</p> : <Figures resource={resource} />}
        <div class="row agent-acts">
          {resource !== null && (
            <a class="btn pri" href={href(`/resource/${resource.id}`)}>
              {m.open}
            </a>
          )}
          <button type="button" class="btn" onClick={onAnother}>
            {m.another}
          </button>
        </div>
      </div>
    </section>
  );
}
