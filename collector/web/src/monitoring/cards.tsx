// The status cards: CPU, memory, queue, services. What is not known is a dash, never 0.

import { num, short } from '../i18n/format';
import { t } from '../i18n/index';
import { b } from '../boards/words';
import { Icon, type IconName } from '../ui/icon';
import { Kpi } from '../ui/kpi';
import { level } from '../ui/parts';
import type { Stats } from './stats';

const DASH = '—';

const percent = (value: number | null) => (value === null ? DASH : num(value, value >= 99.95 || value === 0 ? 0 : 1));
const stateOf = (value: number | null) => level(value === null ? null : value / 100);

export function SystemFigures({ stats }: { stats: Stats | null }) {
  const m = b.value;
  const { cpu = null, ram = null, ram_percent: share = null, queue_size: queue = null } = stats ?? {};
  const isGib = ram !== null && ram >= 1024;
  return (
    <div class="kpis sys-kpis">
      <Kpi label={t.value.cpu} value={percent(cpu)} {...(cpu === null ? {} : { unit: '%' })} state={stateOf(cpu)} />
      <Kpi
        label={m.ram}
        value={ram === null ? DASH : isGib ? short(ram / 1024) : num(ram)}
        {...(ram === null ? {} : { unit: isGib ? 'GiB' : 'MiB' })}
        title={ram === null ? undefined : `${num(ram)} MiB`}
        state={stateOf(share)}
        note={share === null ? DASH : m.ofRam(`${percent(share)}%`)}
      />
      <Kpi
        label={m.queue}
        value={queue === null ? DASH : num(queue)}
        note={queue === null ? m.queueUnknown : m.queueSub}
      />
    </div>
  );
}

const ICONS: Record<string, IconName> = { database: 'db', worker: 'unit', rabbitmq: 'layers', redis: 'db' };

function serviceWord(name: string): string {
  const m = b.value;
  const words: Record<string, string> = {
    database: m.serviceDatabase,
    worker: m.serviceWorker,
    rabbitmq: m.serviceRabbit,
    redis: m.serviceRedis,
  };
  return words[name] ?? name;
}

/** Those that a panel expects to see, even where nothing is known of them. */
const EXPECTED = ['database', 'worker', 'rabbitmq'] as const;

export function Services({ stats }: { stats: Stats | null }) {
  const m = b.value;
  const known = stats?.services ?? {};
  const names = [...new Set([...EXPECTED, ...Object.keys(known)])];
  return (
    <section class="card" aria-labelledby="sys-services">
      <header>
        <h2 id="sys-services">{m.servicesTitle}</h2>
      </header>
      <div class="b">
        <ul class="sys-services">
          {names.map((name) => {
            const state = known[name];
            const isOn = state === 'online';
            const look = state === undefined ? 'unk' : isOn ? 'ok' : 'crit';
            const icon: IconName = state === undefined ? 'ghost' : isOn ? 'check' : 'crit';
            return (
              <li key={name} data-service={name} data-state={state ?? 'unknown'}>
                <Icon name={ICONS[name] ?? 'plug'} />
                <span class="grow ell">{serviceWord(name)}</span>
                <span class={`badge ${look}`}>
                  <Icon name={icon} size={12} />
                  {state === undefined ? DASH : isOn ? t.value.online : t.value.offline}
                  {state === undefined && <span class="sr">{m.serviceUnknown}</span>}
                </span>
              </li>
            );
          })}
        </ul>
      </div>
    </section>
  );
}
