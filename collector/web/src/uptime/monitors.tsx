// The table of monitors, each with its last day, its response time and its availability; and the outages they know of.

import { useMemo } from 'preact/hooks';

import type { Monitor } from '../api/outside';
import { ago, millis, span, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { now } from '../live/feed';
import { monitorLook, monitorWord, worstMonitorFirst } from '../outside/monitors';
import { stripOf, type States } from '../outside/source';
import { safeLink } from '../outside/states';
import { DayStrip, upText } from '../outside/strip';
import { Icon } from '../ui/icon';
import { Empty } from '../ui/parts';

/** A certificate that ends sooner than this is worth a warning, and sooner than that an alarm. */
const CERTIFICATE_WARNING_MS = 21 * 86_400_000;
const CERTIFICATE_CRITICAL_MS = 7 * 86_400_000;
const OUTAGES_SHOWN = 8;

function Certificate({ expires }: { expires: number }) {
  const m = t.value;
  const left = expires - now.value;
  const level = left < CERTIFICATE_CRITICAL_MS ? 'crit' : left < CERTIFICATE_WARNING_MS ? 'warn' : '';
  return (
    <span class={level} title={stamp(expires)}>
      {level !== '' && <Icon name={level} size={12} />}
      {`${m.certificate}: ${left <= 0 ? m.certificateGone : m.certificateIn(span(left))}`}
    </span>
  );
}

function Row({ monitor, states }: { monitor: Monitor; states: States | null }) {
  const m = t.value;
  const look = monitorLook(monitor.state);
  const link = safeLink(monitor.url);
  const strip = useMemo(() => states && stripOf(states, monitor.name), [states, monitor.name]);
  return (
    <tr data-monitor={monitor.name} data-state={monitor.state}>
      <td class="max">
        <span class="row mon">
          <span class={`si ${look.class}`}>
            <Icon name={look.icon} size={15} />
            <span class="sr m-only">{monitorWord(monitor.state)}</span>
          </span>
          <span class="grow">
            <b class="ell">{monitor.name}</b>
            <span class="sub mon-s">
              <span class="ell">
                {monitor.kind.toUpperCase()}
                {link !== null && monitor.url !== monitor.name && ` · ${monitor.url}`}
              </span>
              {monitor.tls_expires !== null && <Certificate expires={monitor.tls_expires} />}
            </span>
          </span>
          <span
            class={`badge ${look.class}`}
            title={monitor.since === null ? undefined : m.sinceAgo(stamp(monitor.since))}
          >
            {monitorWord(monitor.state)}
          </span>
        </span>
      </td>
      <td class="striped wide m-hide">{strip && <DayStrip strip={strip} name={monitor.name} />}</td>
      <td class="n">{monitor.response_ms === null ? m.none : millis(monitor.response_ms)}</td>
      <td class="n m-hide">{upText(monitor.uptime_1d)}</td>
      <td class="n m-hide">{upText(monitor.uptime_7d)}</td>
      <td class="n">
        <b class="strong">{upText(monitor.uptime_30d)}</b>
      </td>
    </tr>
  );
}

export function MonitorTable({ monitors, states }: { monitors: readonly Monitor[]; states: States | null }) {
  const m = t.value;
  if (monitors.length === 0) return <Empty icon="globe" title={m.noMonitors} />;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={m.tableOf(m.monitors)}>
      <table class="tbl end">
        <thead>
          <tr>
            <th scope="col">{m.monitor}</th>
            <th scope="col" class="m-hide">
              {m.last24}
            </th>
            <th scope="col" class="n">
              {m.responseLong}
            </th>
            <th scope="col" class="n m-hide">
              {m.last24}
            </th>
            <th scope="col" class="n m-hide">
              {m.days7}
            </th>
            <th scope="col" class="n">
              {m.days30}
            </th>
          </tr>
        </thead>
        <tbody>
          {[...monitors].sort(worstMonitorFirst).map((monitor) => (
            <Row key={`${monitor.kind} ${monitor.name}`} monitor={monitor} states={states} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What the monitors know of outages, newest first. */
export function Outages({ monitors }: { monitors: readonly Monitor[] }) {
  const m = t.value;
  const known = monitors
    .flatMap(({ name, last_incident: incident }) => (incident === null ? [] : [{ name, ...incident }]))
    .sort((a, b) => b.started - a.started)
    .slice(0, OUTAGES_SHOWN);
  return (
    <section class="card c5" aria-labelledby="outages">
      <header>
        <h2 id="outages">{m.lastOutages}</h2>
      </header>
      <div class="b flush">
        {known.length === 0 ? (
          <Empty icon="check" title={m.noOutages} />
        ) : (
          <ul class="outages">
            {known.map(({ name, reason, started, duration_s: seconds }) => (
              <li key={`${name} ${started}`} class="row">
                <span class={seconds === null ? 'crit' : 'faint'}>
                  <Icon name="crit" size={15} />
                </span>
                <span class="grow">
                  <b class="ell">{name}</b>
                  <span class="sub ell">
                    {seconds === null
                      ? m.outageOpen(reason ?? m.outage)
                      : m.outageFor(reason ?? m.outage, span(seconds * 1000))}
                  </span>
                </span>
                <time class="sub tn" title={stamp(started)}>
                  {ago(Math.max(0, now.value - started))}
                </time>
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}
