// The status cards: CPU, memory, queue, services. What is not known is a dash, never 0.

import { num } from '../i18n/format';
import { t } from '../i18n/index';
import { b } from '../boards/words';
import { Icon, type IconName } from '../ui/icon';
import { Kpi } from '../ui/kpi';
import { level, Meter } from '../ui/parts';
import type { Stats } from './stats';

const DASH = '—';

const percent = (value: number | null) => (value === null ? DASH : num(value, value >= 99.95 || value === 0 ? 0 : 1));
const stateOf = (value: number | null) => level(value === null ? null : value / 100);

export function SystemFigures({ stats }: { stats: Stats | null }) {
  const m = b.value;
  const { cpu = null, ram = null, ram_percent: share = null, queue_size: queue = null } = stats ?? {};
  return (
    <div class="kpis flat sys-kpis">
      <Kpi label={t.value.cpu} value={percent(cpu)} {...(cpu === null ? {} : { unit: '%' })} state={stateOf(cpu)}>
        <Meter ratio={cpu === null ? null : cpu / 100} />
      </Kpi>
      <Kpi
        label={m.ram}
        value={ram === null ? DASH : num(ram)}
        {...(ram === null ? {} : { unit: 'MiB' })}
        state={stateOf(share)}
        note={share === null ? DASH : m.ofRam(`${percent(share)}%`)}
      >
        <Meter ratio={share === null ? null : share / 100} />
      </Kpi>
      <Kpi
        label={m.queue}
        value={queue === null ? DASH : num(queue)}
        note={queue === null ? m.queueUnknown : m.queueSub}
      />
      <Services services={stats?.services ?? {}} />
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

function Services({ services }: { services: Stats['services'] }) {
  const m = b.value;
  const names = [...new Set([...EXPECTED, ...Object.keys(services)])];
  return (
    <div class="kpi">
      <div class="row sub">{m.servicesTitle}</div>
      <ul class="sys-services">
        {names.map((name) => {
          const state = services[name];
          const isOn = state === 'online';
          const look = state === undefined ? 'unk' : isOn ? 'ok' : 'crit';
          const icon: IconName = state === undefined ? 'ghost' : isOn ? 'check' : 'crit';
          return (
            <li key={name} data-service={name} data-state={state ?? 'unknown'}>
              <Icon name={ICONS[name] ?? 'plug'} size={14} />
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
  );
}
