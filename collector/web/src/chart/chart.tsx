// A time chart with everything around it: title, legend, states, keyboard cursor, table, live updates.

import { useSignal, useSignalEffect } from '@preact/signals';
import { useCallback, useEffect, useMemo, useRef } from 'preact/hooks';

import { api } from '../api/client';
import { hhmmss } from '../i18n/format';
import { lang, t } from '../i18n/index';
import * as clock from '../live/clock';
import { now, pausedAt, refresh } from '../live/feed';
import { theme } from '../state/prefs';
import { setParams, undoZoom } from '../state/route';
import { announce } from '../ui/announcer';
import { Icon } from '../ui/icon';
import { Empty, Skeleton } from '../ui/parts';
import { ChartModel } from './model';
import { Plot } from './plot';
import { extent } from './shape';
import type { ChartSpec } from './spec';
import { ChartTable } from './table';
import type { View } from './view';

export const CHART_HEIGHT = 168;
/** A live chart is drawn once a second, or at once when its newest value moved by this share of the axis. */
const JUMP_SHARE = 0.08;
const DRAW_EVERY_MS = 1_000;

/** Live values of the page's resource. */
export interface LiveSource {
  known: ReadonlyMap<number, number>;
  listen: (act: (frame: import('../api/types').FramePayload) => void) => () => void;
}

interface Props {
  spec: ChartSpec;
  resource: number;
  view: View;
  live: LiveSource;
  class?: string;
}

type State = 'loading' | 'ready' | 'empty' | 'failed';

function zoomTo(from: number, to: number): void {
  if (to - from >= 5_000) setParams({ zoom: `${Math.round(from)}-${Math.round(to)}` });
}

export function Chart({ spec, resource, view, live, class: extra = '' }: Props) {
  const state = useSignal<State>('loading');
  const failure = useSignal('');
  const hidden = useSignal<ReadonlySet<string>>(new Set());
  const isTable = useSignal(false);
  const summary = useSignal('');
  const isSeen = useSignal(false);
  const attempt = useSignal(0);
  const card = useRef<HTMLElement>(null);
  const host = useRef<HTMLDivElement>(null);
  const figures = useRef(new Map<string, HTMLElement>());
  const model = useRef<ChartModel | null>(null);
  const plot = useRef<Plot | null>(null);
  const drawnAt = useRef(0);
  const lastTops = useRef<number[]>([]);
  const cursor = useRef<{ row: number | null; line: number }>({ row: null, line: 0 });

  const writeFigures = useCallback(() => {
    const data = model.current;
    if (!data) return;
    data.drawn.forEach((line, i) => {
      const figure = figures.current.get(line.key);
      if (!figure) return;
      const { row } = cursor.current;
      const value = row === null ? data.table.last(spec.lines.indexOf(line)) : data.view.raw[i]?.[row];
      figure.textContent = typeof value === 'number' && !Number.isNaN(value) ? spec.value(value) : '—';
    });
  }, [spec]);

  const draw = useCallback(() => {
    const data = model.current;
    if (!data || !isSeen.peek() || document.hidden) return;
    const shaped = data.shape(hidden.peek());
    state.value = shaped.hasData ? 'ready' : 'empty';
    drawnAt.current = performance.now();
    lastTops.current = spec.lines.map((_, column) => data.table.last(column));
    if (host.current && !plot.current && shaped.hasData) {
      plot.current = new Plot(
        host.current,
        {
          spec,
          lines: data.drawn,
          height: CHART_HEIGHT,
          limitLabel: t.peek().limitLabel,
          eventLabel: t.peek().eventOom,
          onZoom: zoomTo,
          onUndo: undoZoom,
          onCursor: (row) => {
            cursor.current.row = row;
            writeFigures();
          },
        },
        shaped,
      );
    }
    const { from, to } = data.bounds;
    plot.current?.update(shaped, from, to);
    writeFigures();
  }, [spec, writeFigures]);

  // Only what is on screen, or nearly, is asked for and drawn.
  useEffect(() => {
    const element = card.current;
    if (!element) return;
    const observer = new IntersectionObserver(
      (entries) => {
        isSeen.value = entries.some((entry) => entry.isIntersecting);
        if (isSeen.peek()) draw();
      },
      { rootMargin: '240px' },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [draw]);

  // A new theme or language draws with new colours and words.
  useEffect(() => {
    draw();
    return () => {
      plot.current?.destroy();
      plot.current = null;
    };
  }, [spec, resource, view.key, theme.value, lang.value, draw]);

  // History, whenever the stretch of time changes or something was missed.
  const again = `${refresh.value}/${attempt.value}`;
  const wasSeen = useRef(false);
  if (isSeen.value) wasSeen.current = true;
  const isWanted = wasSeen.current;
  useEffect(() => {
    if (!isWanted) return;
    const aborter = new AbortController();
    const stretch = view.stretch(clock.now());
    const next = new ChartModel(spec, stretch);
    const request = { metrics: spec.metrics, resources: [resource], ...stretch };
    api.query(request, aborter.signal).then(
      (answer) => {
        next.load(answer);
        plot.current?.destroy();
        plot.current = null;
        model.current = next;
        summary.value = summarise(next);
        draw();
        if (!isSeen.peek()) state.value = 'ready';
      },
      (error: unknown) => {
        if (aborter.signal.aborted) return;
        failure.value = error instanceof Error ? error.message : String(error);
        state.value = 'failed';
      },
    );
    return () => aborter.abort();
  }, [spec, resource, view.key, again, isWanted, draw]);

  useEffect(
    () =>
      live.listen((frame) => {
        const data = model.current;
        if (!data?.push(frame, live.known)) return;
        const top = Math.max(data.view.top, 1e-9);
        const isJump = spec.lines.some((_, column) => {
          const value = data.table.last(column);
          return Math.abs(value - (lastTops.current[column] ?? value)) > JUMP_SHARE * top;
        });
        if (isJump || performance.now() - drawnAt.current >= DRAW_EVERY_MS - 50) draw();
        else writeFigures();
      }),
    [live, spec, draw, writeFigures],
  );

  // Where nothing arrives, time goes on all the same and the hole grows.
  useSignalEffect(() => {
    const time = now.value;
    const data = model.current;
    if (!data?.stretch.isLive || pausedAt.value !== null) return;
    if (data.table.advance(time - 3 * Math.max(view.interval, data.table.step)) > 0) draw();
  });

  useSignalEffect(() => {
    void hidden.value;
    draw();
  });

  const isolate = (key: string, isHide: boolean) => {
    const others = spec.lines.filter((line) => line.role !== 'event' && line.key !== key).map((line) => line.key);
    const current = hidden.peek();
    if (isHide) {
      const next = new Set(current);
      if (!next.delete(key)) next.add(key);
      hidden.value = next;
    } else {
      const isAlone = !current.has(key) && others.every((other) => current.has(other));
      hidden.value = new Set(isAlone ? [] : others);
    }
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const data = model.current;
    if (!data || state.peek() !== 'ready') return;
    const rows = data.table.rows;
    const place = cursor.current;
    const step = event.shiftKey ? 10 : 1;
    const row = place.row ?? rows;
    let next = row;
    if (event.key === 'ArrowLeft') next = row - step;
    else if (event.key === 'ArrowRight') next = row + step;
    else if (event.key === 'Home') next = 0;
    else if (event.key === 'End') next = rows - 1;
    else if (event.key === 'ArrowUp') place.line -= 1;
    else if (event.key === 'ArrowDown') place.line += 1;
    else if (event.key === 'Escape' && place.row !== null) {
      plot.current?.pose(null);
      event.stopPropagation();
      return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
    next = Math.min(rows - 1, Math.max(0, next));
    plot.current?.pose(next);
    const lines = data.drawn;
    place.line = (place.line + lines.length) % lines.length;
    const line = lines[place.line];
    const value = data.view.raw[place.line]?.[next];
    const text = typeof value === 'number' ? spec.value(value) : t.peek().statusSilent;
    if (line) announce(t.peek().chartAt(line.label, text, hhmmss(data.table.time(next))));
  };

  const drawn = useMemo(() => spec.lines.filter((line) => line.role !== 'event'), [spec]);
  const m = t.value;
  const toggle = isTable.value ? m.chartPicture : m.chartTable;
  return (
    <section class={`card ${extra}`} ref={card} aria-labelledby={`c-${spec.key}`}>
      <header>
        <h2 id={`c-${spec.key}`}>{spec.title}</h2>
        {spec.note !== undefined && <span class="src">{spec.note}</span>}
        <span class="end">
          <button
            class="btn-icon"
            aria-label={`${spec.title}: ${toggle}`}
            title={toggle}
            aria-pressed={isTable.value}
            onClick={() => (isTable.value = !isTable.peek())}
          >
            <Icon name={isTable.value ? 'line' : 'table'} />
          </button>
        </span>
      </header>
      <div class="b">
        <div class="legend" title={m.chartHint}>
          {drawn.map((line) => (
            <button
              key={line.key}
              type="button"
              aria-pressed={!hidden.value.has(line.key)}
              class={hidden.value.has(line.key) ? 'off' : ''}
              onClick={(event) => isolate(line.key, event.ctrlKey || event.metaKey)}
            >
              <i class={line.role === 'limit' ? 'sw d' : 'sw'} style={{ borderColor: `var(${line.color})` }} />
              {line.label}
              <b
                ref={(element) => {
                  if (element) figures.current.set(line.key, element);
                  else figures.current.delete(line.key);
                }}
              />
            </button>
          ))}
        </div>
        {isTable.value && model.current ? (
          <ChartTable model={model.current} title={spec.title} />
        ) : (
          <div
            class="chart"
            role="application"
            tabIndex={0}
            aria-label={`${spec.title}. ${summary.value}`}
            aria-roledescription={m.chartKeys}
            onKeyDown={onKeyDown}
            onFocus={() => model.current && (summary.value = summarise(model.current))}
            onBlur={() => plot.current?.pose(null)}
          >
            <div ref={host} class="plot" hidden={state.value !== 'ready'} />
            {state.value === 'loading' && <Skeleton height={CHART_HEIGHT} />}
            {state.value === 'empty' && <Empty icon="ghost" title={m.chartEmpty} text={m.chartEmptyText} />}
            {state.value === 'failed' && (
              <Empty icon="crit" title={m.chartFailed} text={failure.value}>
                <button class="btn sm" onClick={() => (attempt.value += 1)}>
                  <Icon name="refresh" size={14} />
                  {m.retry}
                </button>
              </Empty>
            )}
          </div>
        )}
      </div>
    </section>
  );
}

/** One sentence for people who do not see the picture. */
function summarise(model: ChartModel): string {
  const { raw } = model.shape(new Set());
  return model.drawn
    .flatMap((line, i) => {
      const found = extent(raw[i] ?? []);
      if (!found) return [];
      const { value } = model.spec;
      return [t.peek().chartSummary(line.label, value(found.last), value(found.min), value(found.max))];
    })
    .join('; ');
}
