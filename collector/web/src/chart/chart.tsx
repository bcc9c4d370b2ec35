// A time chart with everything around it: title, legend, states, keyboard cursor, table, live updates.

import { useSignal, useSignalEffect } from '@preact/signals';
import type { RefObject, VNode } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';

import type { FramePayload, QueryAnswer } from '../api/types';
import { exportWish } from '../export/wish';
import { lang, t } from '../i18n/index';
import { createAlert } from '../alerts/create';
import { now, pausedAt, refresh } from '../live/feed';
import { theme } from '../state/prefs';
import { Icon } from '../ui/icon';
import { Empty, Skeleton } from '../ui/parts';
import type { Band } from './bands';
import { ChartController } from './controller';
import type { Stretch } from './model';
import { swatch, type ChartSpec } from './spec';
import { ChartTable } from './table';
import type { View } from './view';

/** Live values of the page's resource. */
export interface LiveSource {
  /** The newest value of every series. */
  known: ReadonlyMap<number, number>;
  /** Hands on each frame until the returned function is called. */
  listen: (act: (frame: FramePayload) => void) => () => void;
}

interface Props {
  spec: ChartSpec;
  resource: number;
  view: View;
  live: LiveSource;
  bands?: readonly Band[];
  class?: string;
}

/** Only what is on screen, or nearly, is asked for and drawn. */
const NEARLY = '240px';

function useSight(chart: ChartController, card: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    if (!card.current) return;
    const observer = new IntersectionObserver(
      (entries) => {
        chart.isSeen.value = entries.some((entry) => entry.isIntersecting);
        chart.draw();
      },
      { rootMargin: NEARLY },
    );
    observer.observe(card.current);
    const onVisible = () => chart.draw();
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      observer.disconnect();
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [chart]);
}

/** A new theme or language draws with new colours and words. */
function useLook(chart: ChartController): void {
  useEffect(() => {
    chart.draw();
    return () => chart.clearPlot();
  }, [chart, theme.value, lang.value]);
}

const NONE: readonly Band[] = [];

function useBands(chart: ChartController, bands: readonly Band[] | undefined): void {
  useEffect(() => chart.setBands(bands ?? NONE), [chart, bands]);
}

/** Makes the chart of a specification and keeps it fed while it is on the page. */
function useChart(
  { spec, resource, view, live, bands }: Props,
  card: RefObject<HTMLElement | null>,
  attempt: number,
): ChartController {
  const chart = useMemo(() => new ChartController(spec), [spec, resource]);
  useSight(chart, card);
  useLook(chart);
  useBands(chart, bands);

  // History, whenever the stretch of time changes or something was missed.
  const wasSeen = useRef(false);
  wasSeen.current ||= chart.isSeen.value;
  const isWanted = wasSeen.current;
  const again = refresh.value;
  useEffect(() => (isWanted ? chart.load(resource, view) : undefined), [chart, view.key, again, attempt, isWanted]);

  useEffect(() => live.listen((frame) => chart.push(frame, live.known)), [live, chart]);
  useSignalEffect(() => {
    const time = now.value;
    if (pausedAt.value === null) chart.pass(time, view.interval);
  });
  return chart;
}

function Legend({ chart }: { chart: ChartController }) {
  const hidden = chart.hidden.value;
  return (
    <div class="legend" title={t.value.chartHint}>
      {chart.spec.lines
        .filter((line) => line.role !== 'event')
        .map((line) => (
          <button
            key={line.key}
            type="button"
            aria-pressed={!hidden.has(line.key)}
            class={hidden.has(line.key) ? 'off' : ''}
            onClick={(event) => chart.toggle(line.key, event.ctrlKey || event.metaKey)}
          >
            <i class={swatch(line)} style={{ borderColor: `var(${line.color})` }} />
            {line.label}
            <b
              ref={(element) => {
                if (element) chart.figures.set(line.key, element);
                else chart.figures.delete(line.key);
              }}
            />
          </button>
        ))}
    </div>
  );
}

function Surface({ chart, onRetry }: { chart: ChartController; onRetry: () => void }) {
  const m = t.value;
  const state = chart.state.value;
  const onKeyDown = (event: KeyboardEvent) => {
    if (!chart.key(event.key, event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      class="chart"
      style={{ minHeight: `${chart.height}px` }}
      role="application"
      tabIndex={0}
      aria-label={`${chart.spec.title}. ${chart.summary.value}`}
      aria-roledescription={m.chartKeys}
      onKeyDown={onKeyDown}
      onFocus={() => chart.describe()}
      onBlur={() => chart.leave()}
    >
      <div ref={(element) => void (chart.host = element)} class="plot" hidden={state !== 'ready'} />
      {state === 'loading' && <Skeleton height={chart.height} />}
      {state === 'empty' && <Empty icon="ghost" title={m.chartEmpty} text={m.chartEmptyText} />}
      {state === 'failed' && (
        <Empty icon="crit" title={m.chartFailed} text={chart.failure.value}>
          <button class="btn sm" onClick={onRetry}>
            <Icon name="refresh" size={14} />
            {m.retry}
          </button>
        </Empty>
      )}
    </div>
  );
}

/** A chart of a resource's own series, with its live values. */
export function Chart(props: Props) {
  const attempt = useSignal(0);
  const card = useRef<HTMLElement>(null);
  const chart = useChart(props, card, attempt.value);
  const { spec, resource } = props;
  const onExport = () => (exportWish.value = { title: spec.title, metrics: spec.metrics, resources: [resource] });
  return (
    <ChartCard
      chart={chart}
      card={card}
      class={props.class ?? ''}
      onRetry={() => (attempt.value += 1)}
      {...(spec.metrics.length > 0 ? { onExport, onAlert: () => createAlert(resource, spec) } : {})}
    />
  );
}

interface DataProps {
  spec: ChartSpec;
  /** Null until it came. */
  data: { answer: QueryAnswer; stretch: Stretch } | null;
  failure: string | null;
  onRetry: () => void;
  bands?: readonly Band[];
  class?: string;
  /** A part of somebody else's card, without a frame and a head of its own. */
  isBare?: boolean;
}

/** A chart of what the page has asked for itself. */
export function DataChart({ spec, data, failure, onRetry, bands, class: extra = '', isBare = false }: DataProps) {
  const card = useRef<HTMLElement>(null);
  const chart = useMemo(() => new ChartController(spec), [spec]);
  useSight(chart, card);
  useLook(chart);
  useBands(chart, bands);
  useEffect(() => {
    if (data) chart.show(data.answer, data.stretch);
    else if (failure !== null) {
      chart.failure.value = failure;
      chart.state.value = 'failed';
    } else chart.state.value = 'loading';
  }, [chart, data, failure]);
  if (isBare) return <ChartPart chart={chart} card={card} class={extra} onRetry={onRetry} />;
  return <ChartCard chart={chart} card={card} class={extra} onRetry={onRetry} />;
}

interface CardProps {
  chart: ChartController;
  card: RefObject<HTMLElement | null>;
  class: string;
  onRetry: () => void;
  /** Absent where the page has asked for something that is no series. */
  onExport?: () => void;
  onAlert?: () => void;
}

/** Whether the values stand as a table in the picture's place, and the button that changes it. */
function useTable(chart: ChartController): { isTable: boolean; button: VNode } {
  const m = t.value;
  const isTable = useSignal(false);
  const title = isTable.value ? m.chartPicture : m.chartTable;
  const onToggle = () => {
    chart.clearPlot();
    isTable.value = !isTable.peek();
  };
  // The picture's place is new after the table: it is drawn again.
  useEffect(() => {
    if (!isTable.value) chart.draw();
  }, [isTable.value, chart]);
  const button = (
    <button
      class="btn-icon"
      aria-label={`${chart.spec.title}: ${title}`}
      title={title}
      aria-pressed={isTable.value}
      onClick={onToggle}
    >
      <Icon name={isTable.value ? 'line' : 'table'} />
    </button>
  );
  return { isTable: isTable.value, button };
}

function Picture({ chart, isTable, onRetry }: { chart: ChartController; isTable: boolean; onRetry: () => void }) {
  return isTable && chart.model ? (
    <ChartTable model={chart.model} title={chart.spec.title} />
  ) : (
    <Surface chart={chart} onRetry={onRetry} />
  );
}

function ChartPart({ chart, card, class: extra, onRetry }: CardProps) {
  const { isTable, button } = useTable(chart);
  return (
    <div class={`chart-part ${extra}`} ref={card as RefObject<HTMLDivElement>}>
      <div class="row">
        <Legend chart={chart} />
        <span class="end">{button}</span>
      </div>
      <Picture chart={chart} isTable={isTable} onRetry={onRetry} />
    </div>
  );
}

function ChartCard({ chart, card, class: extra, onRetry, onExport, onAlert }: CardProps) {
  const { spec } = chart;
  const { isTable, button } = useTable(chart);
  return (
    <section class={`card ${extra}`} ref={card} aria-labelledby={`c-${spec.key}`}>
      <header>
        <h2 id={`c-${spec.key}`}>{spec.title}</h2>
        {spec.note !== undefined && <span class="src">{spec.note}</span>}
        <span class="end">
          {onExport && (
            <button
              class="btn-icon"
              aria-label={`${spec.title}: ${t.value.exportWord}`}
              title={t.value.exportWord}
              onClick={onExport}
            >
              <Icon name="download" />
            </button>
          )}
          {onAlert && (
            <button
              class="btn-icon"
              aria-label={`${spec.title}: ${t.value.createAlert}`}
              title={t.value.createAlert}
              onClick={onAlert}
            >
              <Icon name="bell" />
            </button>
          )}
          {button}
        </span>
      </header>
      <div class="b">
        <Legend chart={chart} />
        <Picture chart={chart} isTable={isTable} onRetry={onRetry} />
      </div>
    </section>
  );
}
