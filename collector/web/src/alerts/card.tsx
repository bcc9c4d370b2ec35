// The active alerts on the overview: the gravest first, each with its way to the whole. Nothing while nothing fires.

import { num, span } from '../i18n/format';
import { t } from '../i18n/index';
import { now } from '../live/feed';
import { href, hrefWith } from '../state/route';
import { Icon } from '../ui/icon';
import { levelLook } from './looks';
import { Untold } from './parts';
import { openInOrder } from './source';
import { levelWord, place, threshold, title, value, watched } from './text';
import { a } from './words';

const SHOWN_MAX = 6;

export function ActiveAlerts() {
  const m = a.value;
  const rows = openInOrder.value;
  if (rows.length === 0) return null;
  return (
    <section class="card" aria-labelledby="active-alerts" data-active={rows.length}>
      <header>
        <h2 id="active-alerts">{m.countActive(rows.length)}</h2>
        <span class="end">
          <a class="btn sm ghost" href={href('/alerts')}>
            {t.value.open}
            <Icon name="chevr" size={12} />
          </a>
        </span>
      </header>
      <div class="b">
        <ul class="lights">
          {rows.slice(0, SHOWN_MAX).map((alert) => {
            const look = levelLook(alert.level);
            return (
              <li key={alert.id} class="row" data-alert={alert.id}>
                <span class={`si ${look.class}`} title={levelWord(alert.level)}>
                  <Icon name={look.icon} size={14} />
                  <span class="sr">{levelWord(alert.level)}</span>
                </span>
                <a
                  class="grow ell"
                  href={hrefWith('/alerts', { alert: String(alert.id) })}
                  title={`${watched(alert)} ${value(alert)} ${threshold(alert)}`}
                >
                  {title(alert)}
                </a>
                <span class="sub ell">{place(alert)}</span>
                <Untold alert={alert} isShort />
                <span class="sub tn">{m.since(span(Math.max(0, now.value - alert.fired)))}</span>
              </li>
            );
          })}
        </ul>
        {rows.length > SHOWN_MAX && <p class="sub">{m.more(num(rows.length - SHOWN_MAX))}</p>}
      </div>
    </section>
  );
}
