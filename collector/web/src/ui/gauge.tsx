// A gauge of 270 degrees for a ratio, with the ends of its scale and its thresholds as ticks on the ring.

import { num } from '../i18n/format';
import { t } from '../i18n/index';

const RADIUS = 58;
const CENTER = 70;
const START = 135;
const SWEEP = 270;

function point(angle: number, radius: number): string {
  const turn = (angle * Math.PI) / 180;
  return `${(CENTER + radius * Math.cos(turn)).toFixed(2)} ${(CENTER + radius * Math.sin(turn)).toFixed(2)}`;
}

/** The path of an arc between two angles in degrees. */
export function arc(from: number, to: number, radius = RADIUS): string {
  return `M${point(from, radius)}A${radius} ${radius} 0 ${to - from > 180 ? 1 : 0} 1 ${point(to, radius)}`;
}

export type GaugeLevel = 'ok' | 'warn' | 'crit' | 'unk';

/** The level of a ratio that is good when high. */
export function levelOf(value: number | null, warning: number, critical: number): GaugeLevel {
  if (value === null) return 'unk';
  if (value < critical) return 'crit';
  return value < warning ? 'warn' : 'ok';
}

interface Props {
  /** From 0 to 1; null draws the empty ring and a dash. */
  value: number | null;
  /** Where the scale begins and ends, from 0 to 1. */
  low?: number;
  high?: number;
  /** Below these the level is yellow, and red. */
  warning: number;
  critical: number;
  label: string;
  text: string;
  sub: string;
  size?: number;
}

export function Gauge({ value, low = 0, high = 1, warning, critical, label, text, sub, size = 156 }: Props) {
  const angle = (v: number) => START + SWEEP * Math.max(0, Math.min(1, (v - low) / (high - low)));
  const level = levelOf(value, warning, critical);
  const ends = [num(low * 100), num(high * 100)] as const;
  const tick = (v: number, color: string) =>
    v > low && v < high ? (
      <path
        key={color}
        d={`M${point(angle(v), RADIUS + 8)}L${point(angle(v), RADIUS + 12.5)}`}
        stroke={`var(${color})`}
        stroke-width="2.5"
        stroke-linecap="round"
      />
    ) : null;
  return (
    <div
      class="dial"
      role="img"
      aria-label={`${label}: ${text} (${t.value.scale(...ends)})`}
      data-level={level}
      style={{ width: `${size}px`, height: `${Math.round(size * 0.9)}px` }}
    >
      <svg viewBox="0 0 140 126" width={size} height={Math.round(size * 0.9)} aria-hidden="true">
        <path d={arc(START, START + SWEEP)} class="dial-track" />
        {value !== null && (
          <path
            d={arc(START, Math.max(START + 1, angle(value)))}
            class="dial-arc"
            style={{ stroke: `var(--${level}-mark)` }}
          />
        )}
        {tick(critical, '--crit-mark')}
        {tick(warning, '--warn-mark')}
        <text x="27" y="124">
          {ends[0]}
        </text>
        <text x="113" y="124">
          {ends[1]}
        </text>
      </svg>
      <div class="dial-v" aria-hidden="true">
        <b>{text}</b>
        <span>{sub}</span>
      </div>
    </div>
  );
}
