// A gauge over 270 degrees: a share of a scale, with the thresholds as ticks on the ring.

import { num } from '../i18n/format';
import { t } from '../i18n/index';

const RADIUS = 58;
const CENTRE = 70;
const START = 135;
const SWEEP = 270;

/** A point on a circle around the centre, as an SVG path writes it. */
function at(angle: number, radius: number): string {
  const radians = (angle * Math.PI) / 180;
  return `${(CENTRE + radius * Math.cos(radians)).toFixed(2)} ${(CENTRE + radius * Math.sin(radians)).toFixed(2)}`;
}

function arc(from: number, to: number): string {
  return `M${at(from, RADIUS)}A${RADIUS} ${RADIUS} 0 ${to - from > 180 ? 1 : 0} 1 ${at(to, RADIUS)}`;
}

interface Props {
  /** Null: not known, which is not 0. */
  value: number | null;
  min?: number;
  max?: number;
  /** What is written at the ends of the scale. */
  ends?: readonly [string, string];
  status: 'ok' | 'warn' | 'crit' | 'unk';
  ticks?: readonly { at: number; class: 'warn' | 'crit' }[];
  /** The figure in words, and what it is. */
  text: string;
  label: string;
  size?: number;
}

export function Gauge({ value, min = 0, max = 1, ends, status, ticks = [], text, label, size = 148 }: Props) {
  const angle = (of: number) => START + SWEEP * Math.max(0, Math.min(1, (of - min) / (max - min)));
  const [low, high] = ends ?? [num(min * 100), num(max * 100)];
  return (
    <div
      class="gauge"
      role="img"
      aria-label={`${label}: ${value === null ? t.value.none : text}`}
      style={{ width: `${size}px`, height: `${size * 0.9}px` }}
    >
      <svg viewBox="0 0 140 126" width={size} height={size * 0.9} aria-hidden="true">
        <path class="gauge-track" d={arc(START, START + SWEEP)} />
        {value !== null && <path class={`gauge-arc ${status}`} d={arc(START, Math.max(START + 1, angle(value)))} />}
        {ticks.map((tick) => (
          <path
            key={tick.at}
            class={`gauge-tick ${tick.class}`}
            d={`M${at(angle(tick.at), RADIUS + 8)}L${at(angle(tick.at), RADIUS + 12)}`}
          />
        ))}
        <text x="27" y="124">
          {low}
        </text>
        <text x="113" y="124">
          {high}
        </text>
      </svg>
      <div class="gauge-v" aria-hidden="true">
        <b>{text}</b>
        <span>{label}</span>
      </div>
    </div>
  );
}
