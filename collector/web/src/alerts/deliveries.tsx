// What channels were told, and what became of it.

import type { Delivery } from '../api/alerts';
import { num, span, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { now } from '../live/feed';
import { hrefWith } from '../state/route';
import { Icon, type IconName } from '../ui/icon';
import { deliveryWord, reasonWord } from './text';
import { a } from './words';

const LOOKS: Record<Delivery['state'], ['ok' | 'warn' | 'crit' | 'unk', IconName]> = {
  sent: ['ok', 'check'],
  waiting: ['unk', 'clock'],
  failed: ['warn', 'warn'],
  dead: ['crit', 'crit'],
};

export function DeliveryBadge({ state }: { state: Delivery['state'] }) {
  const [look, icon] = LOOKS[state];
  return (
    <span class={`badge ${look}`}>
      <Icon name={icon} size={12} />
      {deliveryWord(state)}
    </span>
  );
}

function Line({ row, isOfOne }: { row: Delivery; isOfOne: boolean }) {
  const m = a.value;
  const again =
    row.state === 'waiting' && row.attempts > 0 && row.next !== null && row.next > now.value
      ? m.againIn(span(Math.max(0, row.next - now.value)))
      : '';
  const detail = [row.detail, again].filter((part) => part !== '').join(' · ');
  return (
    <li class="al-delivery" data-delivery={row.state}>
      <DeliveryBadge state={row.state} />
      <span class="grow">
        <span class="row wrap">
          {isOfOne && <b>{row.channel_name ?? row.channel}</b>}
          <span>{reasonWord(row.reason)}</span>
          {!isOfOne && row.incident !== null && row.incident > 0 && (
            <a href={hrefWith('/alerts', { incident: String(row.incident) })}>{m.incident(row.incident)}</a>
          )}
          {row.attempts > 1 && <span class="sub">{m.attempts(num(row.attempts))}</span>}
        </span>
        {detail !== '' && <span class="sub anywhere">{detail}</span>}
      </span>
      <time class="sub tn" title={stamp(row.created)} dateTime={new Date(row.created).toISOString()}>
        {t.value.ago(span(Math.max(0, now.value - row.created)))}
      </time>
    </li>
  );
}

export function Deliveries({ rows, isOfOne = false }: { rows: readonly Delivery[]; isOfOne?: boolean }) {
  return (
    <ul class="al-deliveries">
      {rows.map((row) => (
        <Line key={row.id} row={row} isOfOne={isOfOne} />
      ))}
    </ul>
  );
}
