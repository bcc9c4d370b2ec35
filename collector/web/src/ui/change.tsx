// "▲ 12.4% vs. yesterday": the arrow says the direction, the colour whether that is good.

import { pct } from '../i18n/format';
import { t } from '../i18n/index';
import type { Change } from '../live/compare';
import { Icon } from './icon';

/** Beyond this the percentage says only "much more". */
const MOST = 9.99;

export function ChangeMark({ change, isShort = false }: { change: Change | null; isShort?: boolean }) {
  const m = t.value;
  if (change === null) return null;
  const { share, isBetter } = change;
  const judged = isBetter === null ? 'meh' : isBetter ? 'good' : 'bad';
  const size = Math.abs(share);
  const text = size > MOST ? `> ${pct(MOST, 0)}` : pct(size);
  const isSame = Math.round(size * 1000) === 0;
  const word = isBetter === null ? '' : `, ${isBetter ? m.changeBetter : m.changeWorse}`;
  return (
    <span class={`delta ${judged}`} title={m.changeTitle}>
      {isSame ? '=' : <Icon name={share > 0 ? 'up' : 'down'} size={12} />}
      <span class="sr">{isSame ? '' : share > 0 ? m.changeUp : m.changeDown} </span>
      {text}
      <span class={isShort ? 'sr' : 'vs'}>{m.vsYesterday}</span>
      <span class="sr">{word}</span>
    </span>
  );
}
