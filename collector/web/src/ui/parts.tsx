// Small parts that every page uses: status marks, meters, sparklines, empty states, skeletons.

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import type { Kind, ResourceRow } from '../api/types';
import { t } from '../i18n/index';
import type { Resource, State } from '../live/fleet';
import { integrationWord, kindSign } from '../outside/states';
import { Icon, type IconName } from './icon';

/** Class and shape of a status. A silent resource is red as a critical one is, with the shape of "no data". */
const LOOKS: Record<State, { class: 'ok' | 'warn' | 'crit' | 'unk'; icon: IconName }> = {
  ok: { class: 'ok', icon: 'check' },
  warning: { class: 'warn', icon: 'warn' },
  critical: { class: 'crit', icon: 'crit' },
  silent: { class: 'crit', icon: 'ghost' },
  ended: { class: 'unk', icon: 'minus' },
};

export function look(status: State): (typeof LOOKS)[State] {
  return LOOKS[status];
}

export function statusWord(status: State): string {
  const m = t.value;
  const words: Record<State, string> = {
    ok: m.statusOk,
    warning: m.statusWarning,
    critical: m.statusCritical,
    silent: m.statusSilent,
    ended: m.statusEnded,
  };
  return words[status];
}

/** Shape and colour, with the word for those who see neither. */
export function StatusIcon({ status, size = 16 }: { status: State; size?: number }) {
  const word = statusWord(status);
  return (
    <span class={`si ${LOOKS[status].class}`} title={word}>
      <Icon name={LOOKS[status].icon} size={size} />
      <span class="sr">{word}</span>
    </span>
  );
}

export function Badge({ status }: { status: State }) {
  return (
    <span class={`badge ${LOOKS[status].class}`}>
      <Icon name={LOOKS[status].icon} size={12} />
      {statusWord(status)}
    </span>
  );
}

const KIND_ICONS: Record<Kind, IconName> = {
  host: 'server',
  container: 'box',
  unit: 'unit',
  service: 'layers',
  external: 'globe',
};

function kindIcon(kind: Kind): IconName {
  return KIND_ICONS[kind];
}

export function kindWord(kind: Kind): string {
  const m = t.value;
  return {
    host: m.kindHost,
    container: m.kindContainer,
    unit: m.kindUnit,
    service: m.kindService,
    external: m.kindExternal,
  }[kind];
}

type Described = Pick<ResourceRow, 'kind' | 'attributes'>;

/** What a resource is: of a system outside, which one, since two of them may bear one name. */
export function resourceWord({ kind, attributes }: Described): string {
  const integration = attributes['farol.integration.kind'];
  return kind === 'external' && integration !== undefined ? integrationWord(integration) : kindWord(kind);
}

export function resourceIcon({ kind, attributes }: Described): IconName {
  const integration = attributes['farol.integration.kind'];
  return kind === 'external' && integration !== undefined ? kindSign(integration) : kindIcon(kind);
}

/** The class for a ratio of a limit: plain up to 80 %, then yellow, then red above 95 %. */
export function level(ratio: number | null): '' | 'warn' | 'crit' {
  if (ratio === null || ratio <= 0.8) return '';
  return ratio > 0.95 ? 'crit' : 'warn';
}

/** A bar against a limit. The figure stands beside it in text, so it is decoration. */
export function Meter({ ratio, mini = false }: { ratio: number | null; mini?: boolean }) {
  const width = Math.min(100, Math.max(0, (ratio ?? 0) * 100));
  return (
    <div class={`meter ${level(ratio)} ${mini ? 'mini' : ''}`} aria-hidden="true">
      {ratio !== null && <i style={{ width: `${width.toFixed(1)}%` }} />}
    </div>
  );
}

const SPARK_WIDTH = 200;

/** The path of a sparkline; a hole in the data is a hole in the line. */
export function sparkPath(values: ArrayLike<number>, low: number, high: number, height: number): string {
  const reach = high - low || 1;
  let path = '';
  let isPen = false;
  let missing = 0;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? NaN;
    if (Number.isNaN(value)) {
      missing += 1;
      if (missing > 1) isPen = false;
      continue;
    }
    missing = 0;
    const x = ((i / Math.max(1, values.length - 1)) * SPARK_WIDTH).toFixed(1);
    const y = (height - 2 - Math.min(1, Math.max(0, (value - low) / reach)) * (height - 4)).toFixed(1);
    path += `${isPen ? 'L' : 'M'}${x} ${y}`;
    isPen = true;
  }
  return path;
}

interface SparkProps {
  values: ArrayLike<number>;
  color?: string;
  height?: number;
  low?: number;
  high?: number;
}

/** A line without axes. Without a `high` it fills its own height. */
export function Spark({ values, color = 'var(--s1)', height = 24, low = 0, high }: SparkProps) {
  let top = high ?? 0;
  if (high === undefined) for (const value of Array.from(values)) if (value > top) top = value;
  return (
    <div class="spark" style={{ height: `${height}px` }}>
      <svg viewBox={`0 0 ${SPARK_WIDTH} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        <path
          d={sparkPath(values, low, top || 1, height)}
          fill="none"
          stroke={color}
          stroke-width="1.5"
          stroke-linejoin="round"
          vector-effect="non-scaling-stroke"
        />
      </svg>
    </div>
  );
}

/** The trend of a resource's CPU (0) or memory (1) against its limit. */
export function Trend({ resource, column, height = 20 }: { resource: Resource; column: 0 | 1; height?: number }) {
  void resource.trendTick.value;
  const { latest } = resource.live.value;
  const state = level(column === 0 ? latest.cpu_ratio : latest.memory_ratio);
  const values = resource.trend?.columns[column];
  const color = state === '' ? 'var(--s1)' : `var(--${state}-mark)`;
  return values ? (
    <Spark values={values} height={height} high={1} color={color} />
  ) : (
    <div style={{ height: `${height}px` }} />
  );
}

interface EmptyProps {
  icon: IconName;
  title: string;
  text?: string;
  children?: ComponentChildren;
}

export function Empty({ icon, title, text, children }: EmptyProps) {
  return (
    <div class="empty">
      <Icon name={icon} size={18} />
      <b>{title}</b>
      {text !== undefined && <p>{text}</p>}
      {children}
    </div>
  );
}

/** A grey block of the content's size, shown after 150 ms. */
export function Skeleton({ height }: { height: number }) {
  const [isShown, show] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => show(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return <span class={isShown ? 'sk' : ''} style={{ display: 'block', height: `${height}px` }} />;
}

/** A command to copy. */
export function Command({ text }: { text: string }) {
  const [isCopied, copied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      copied(true);
      setTimeout(() => copied(false), 2_000);
    } catch {
      // No clipboard on a plain http page: the text can be selected.
    }
  };
  return (
    <div class="command">
      <pre class="code" tabIndex={0}>
        {text}
      </pre>
      <button class="btn sm" onClick={copy}>
        <Icon name={isCopied ? 'check' : 'copy'} size={14} />
        {isCopied ? t.value.copied : t.value.copy}
      </button>
    </div>
  );
}
