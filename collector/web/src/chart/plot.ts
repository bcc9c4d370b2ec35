// The only module that knows uPlot: draws one shaped table with its limits and events, and reports cursor and zoom.

import uPlot from 'uplot';

import { dayMonth, hhmm, hhmmss, stamp } from '../i18n/format';
import { bandsAt, tints, type Band } from './bands';
import { axisTop, type Shaped } from './shape';
import { isBars, swatch as signOf, type ChartSpec, type Line } from './spec';

export interface PlotOptions {
  spec: ChartSpec;
  /** Lines that are drawn, in the order of the shaped table. */
  lines: readonly Line[];
  height: number;
  limitLabel: (value: string) => string;
  eventLabel: string;
  /** Alerts that are drawn behind the lines, as they are at the moment of drawing. */
  bands: () => readonly Band[];
  onZoom: (from: number, to: number) => void;
  onUndo: () => void;
  /** The row under the shared cursor, or null. */
  onCursor: (row: number | null) => void;
}

/** All charts of a page move their crosshair together. */
const SYNC_KEY = 'page';
/** Share of its step that a bar fills, and the most that it is wide. */
const BAR_SHARE = 0.72;
const BAR_MAX_PX = 40;
/** A drag shorter than this is a click. */
const DRAG_MIN_PX = 8;

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function alpha(hex: string, opacity: number): string {
  const full = hex.length === 4 ? `#${hex.slice(1).replace(/./g, (c) => c + c)}` : hex.slice(0, 7);
  return full + Math.round(opacity * 255).toString(16).padStart(2, '0'); // prettier-ignore
}

function timeLabels(splits: number[]): string[] {
  const distance = (splits[1] ?? 0) - (splits[0] ?? 0);
  return splits.map((ms) => {
    const day = new Date(ms);
    if (day.getHours() === 0 && day.getMinutes() === 0 && day.getSeconds() === 0) return dayMonth(ms);
    return distance > 0 && distance < 60_000 ? hhmmss(ms) : hhmm(ms);
  });
}

/** A division of the axis needs so many pixels. */
const SPLIT_PX = 18;

/** As many divisions as a low chart has room for, evenly. */
function fewer(splits: number[], height: number): number[] {
  const every = Math.ceil((splits.length * SPLIT_PX) / Math.max(1, height - 30));
  return splits.filter((_, i) => i % every === 0);
}

export class Plot {
  readonly #host: HTMLElement;
  readonly #options: PlotOptions;
  readonly #plot: uPlot;
  readonly #tip: HTMLDivElement;
  readonly #resize: ResizeObserver;
  #data: Shaped;
  #from = 0;
  #to = 1;
  #posed = false;

  constructor(host: HTMLElement, options: PlotOptions, data: Shaped) {
    this.#host = host;
    this.#options = options;
    this.#data = data;
    this.#tip = document.createElement('div');
    this.#tip.className = 'tip';
    this.#plot = new uPlot(this.#settings(), this.#aligned(), host);
    this.#plot.over.append(this.#tip);
    this.#touch(this.#plot.over);
    this.#resize = new ResizeObserver(() => this.#fit());
    this.#resize.observe(host);
  }

  /** Draws the table anew for a stretch of time. */
  update(data: Shaped, from: number, to: number): void {
    this.#data = data;
    this.#from = from;
    this.#to = to;
    this.#plot.batch(() => {
      this.#plot.setData(this.#aligned(), false);
      this.#plot.setScale('x', { min: from, max: to });
    });
  }

  /** Puts the crosshair on a row as if the pointer were there; null takes it away. */
  pose(row: number | null): void {
    this.#posed = row !== null;
    const time = row === null ? undefined : this.#data.times[row];
    const left = time === undefined ? -10 : this.#plot.valToPos(time, 'x');
    this.#plot.setCursor({ left, top: left < 0 ? -10 : 20 }, true);
  }

  /** Draws the same data once more. */
  redraw(): void {
    this.#plot.redraw(false);
  }

  destroy(): void {
    this.#resize.disconnect();
    this.#plot.destroy();
  }

  #aligned(): uPlot.AlignedData {
    return [this.#data.times, ...this.#data.drawn];
  }

  #width(): number {
    return Math.max(60, Math.floor(this.#host.clientWidth) || 400);
  }

  #fit(): void {
    if (this.#width() !== this.#plot.width) this.#plot.setSize({ width: this.#width(), height: this.#options.height });
  }

  #settings(): uPlot.Options {
    const { spec, height } = this.#options;
    const font = `11px ${token('--font-sans')}`;
    const axis = { stroke: token('--axis'), font, ticks: { show: false } };
    return {
      width: this.#width(),
      height,
      ms: 1,
      padding: [10, 14, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: SYNC_KEY, setSeries: false },
        drag: { x: spec.isStill !== true, y: false, setScale: false },
        y: false,
        points: {
          size: isBars(spec) ? 0 : 7,
          width: 1.5,
          fill: (_, i) => this.#color(i),
          stroke: () => token('--bg-1'),
        },
        bind: {
          dblclick: () => () => {
            this.#options.onUndo();
            return null;
          },
        },
      },
      scales: {
        x: { time: true, range: () => [this.#from, this.#to] },
        y: { range: () => (spec.scale ? [spec.scale.min, spec.scale.max] : [0, this.#top() * 1.1]) },
      },
      axes: [
        { ...axis, grid: { show: false }, gap: 4, size: 20, space: 74, values: (_, splits) => timeLabels(splits) },
        {
          ...axis,
          grid: { stroke: token('--grid'), width: 1 },
          gap: 6,
          size: (u, labels) => this.#axisSize(u, labels),
          splits: () => (spec.scale ? [...spec.scale.splits] : fewer(axisTop(this.#top(), spec.base).splits, height)),
          values: (_, splits) =>
            splits.map((value) => spec.axis(value, (splits[1] ?? 0) - (splits[0] ?? 0), splits.at(-1) ?? 0)),
        },
      ],
      bands: this.#bands(),
      series: [{}, ...this.#options.lines.map((line, i) => this.#series(line, i))],
      hooks: {
        drawAxes: [
          (u) => {
            this.#drawAlerts(u);
            if (isBars(spec)) this.#drawBars(u);
            else this.#drawGaps(u);
          },
        ],
        draw: [(u) => this.#drawMarks(u)],
        setCursor: [(u) => this.#moved(u)],
        setSelect: [(u) => this.#selected(u)],
      },
    };
  }

  #top(): number {
    return Math.max(this.#data.top, this.#options.spec.atLeast ?? 0);
  }

  #color(series: number): string {
    return token(this.#options.lines[series - 1]?.color ?? '--text-2');
  }

  #axisSize(u: uPlot, labels: string[] | null): number {
    if (!labels) return 30;
    u.ctx.save();
    u.ctx.font = `${11 * uPlot.pxRatio}px ${token('--font-sans')}`;
    const width = Math.max(...labels.map((label) => u.ctx.measureText(label).width)) / uPlot.pxRatio;
    u.ctx.restore();
    return Math.ceil(width) + 8;
  }

  #series(line: Line, index: number): uPlot.Series {
    const color = token(line.color);
    const isFirst = this.#options.lines.findIndex((other) => other.role === 'stack') === index;
    const series: uPlot.Series = {
      label: line.label,
      stroke: color,
      width: line.role === 'limit' ? 1.25 : line.role === 'stack' ? 1.25 : 1.5,
      points: { show: false },
      spanGaps: false,
    };
    if (line.role === 'bar') series.paths = () => null;
    if (line.role === 'limit') series.dash = [5, 4];
    if (line.role === 'stack' && isFirst) series.fill = alpha(color, 0.32);
    if (line.isFilled === true) {
      series.fill = (u) => {
        const gradient = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
        gradient.addColorStop(0, alpha(color, 0.2));
        gradient.addColorStop(1, alpha(color, 0));
        return gradient;
      };
    }
    return series;
  }

  /** Between a stacked line and the one below it. */
  #bands(): uPlot.Band[] {
    const stacked = this.#options.lines.flatMap((line, i) => (line.role === 'stack' ? [{ line, at: i + 1 }] : []));
    return stacked.slice(1).map(({ line, at }, i) => ({
      series: [at, stacked[i]?.at ?? 1] as [number, number],
      fill: alpha(token(line.color), 0.32),
    }));
  }

  /** What an alert held is tinted from top to bottom, with an edge where it began. */
  #drawAlerts(u: uPlot): void {
    const { ctx, bbox } = u;
    ctx.save();
    for (const { from, to, level } of tints(this.#options.bands(), this.#to)) {
      const color = token(level === 'critical' ? '--crit-mark' : '--warn-mark');
      const begin = u.valToPos(from, 'x', true);
      const left = Math.max(bbox.left, begin);
      const right = Math.min(bbox.left + bbox.width, Math.max(u.valToPos(to, 'x', true), begin + uPlot.pxRatio));
      if (right <= left) continue;
      ctx.fillStyle = alpha(color, 0.14);
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
      if (begin < bbox.left) continue;
      ctx.fillStyle = alpha(color, 0.7);
      ctx.fillRect(left, bbox.top, uPlot.pxRatio, bbox.height);
    }
    ctx.restore();
  }

  /** Missing samples are a shaded hole, never a line and never zero. */
  #drawGaps(u: uPlot): void {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.fillStyle = alpha(token('--unk-mark'), 0.1);
    for (const [from, to] of this.#data.gaps) {
      const x = Math.max(bbox.left, u.valToPos(from, 'x', true));
      const end = Math.min(bbox.left + bbox.width, u.valToPos(to, 'x', true));
      if (end > x) ctx.fillRect(x, bbox.top, end - x, bbox.height);
    }
    ctx.restore();
  }

  /** Bars stand on each other: each reaches from the sum below it to its own. */
  #drawBars(u: uPlot): void {
    const { ctx, bbox } = u;
    const [first = 0, second = 0] = this.#data.times;
    const step = Math.abs(u.valToPos(second, 'x', true) - u.valToPos(first, 'x', true));
    const width = Math.max(1, Math.min(BAR_MAX_PX * uPlot.pxRatio, Math.round(step * BAR_SHARE)));
    const below = new Array<number>(this.#data.times.length).fill(0);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    this.#options.lines.forEach((line, i) => {
      if (line.role !== 'bar') return;
      ctx.fillStyle = token(line.color);
      this.#data.drawn[i]?.forEach((sum, row) => {
        const base = below[row] ?? 0;
        if (typeof sum !== 'number' || sum <= base) return;
        below[row] = sum;
        const x = Math.round(u.valToPos(this.#data.times[row] ?? 0, 'x', true) - width / 2);
        const top = Math.round(u.valToPos(sum, 'y', true));
        const bottom = Math.round(u.valToPos(base, 'y', true));
        // What is there at all is seen.
        ctx.fillRect(x, Math.min(top, bottom - 1), width, Math.max(1, bottom - top));
      });
    });
    ctx.restore();
  }

  #drawMarks(u: uPlot): void {
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.font = `500 ${10.5 * ratio}px ${token('--font-sans')}`;
    ctx.textAlign = 'left';
    const write = (text: string, x: number, y: number, color: string) => {
      const width = ctx.measureText(text).width;
      ctx.fillStyle = alpha(token('--bg-1'), 0.85);
      ctx.fillRect(x - 3 * ratio, y - 12 * ratio, width + 6 * ratio, 13 * ratio);
      ctx.fillStyle = color;
      ctx.textBaseline = 'bottom';
      ctx.fillText(text, x, y);
    };
    // Two limits close to each other write beside each other.
    let before = { y: -Infinity, end: 0 };
    this.#options.lines.forEach((line, i) => {
      if (line.role !== 'limit') return;
      const value = this.#data.drawn[i]?.findLast((cell) => typeof cell === 'number');
      if (typeof value !== 'number') return;
      const y = Math.round(u.valToPos(value, 'y', true));
      if (y < bbox.top - 2 || y > bbox.top + bbox.height) return;
      const text = line.mark ?? this.#options.limitLabel(this.#options.spec.value(value));
      const at = y - bbox.top > 15 * ratio ? y - 2 * ratio : y + 14 * ratio;
      const left = Math.abs(at - before.y) < 15 * ratio ? before.end + 12 * ratio : bbox.left + 5 * ratio;
      write(text, left, at, token(line.color));
      before = { y: at, end: left + ctx.measureText(text).width };
    });
    for (const { line, time } of this.#data.events) {
      const x = Math.round(u.valToPos(time, 'x', true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      const color = token(line.color);
      ctx.strokeStyle = color;
      ctx.fillStyle = color;
      ctx.lineWidth = ratio;
      ctx.setLineDash([3 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.setLineDash([]);
      write(line.mark ?? this.#options.eventLabel, x + 5 * ratio, bbox.top + 13 * ratio, color);
    }
    ctx.restore();
  }

  #moved(u: uPlot): void {
    const { left, idx } = u.cursor;
    const row = left === undefined || left < 0 || idx == null ? null : idx;
    this.#options.onCursor(row);
    // Only the chart under the pointer shows the tooltip; the others write into their legends.
    const isHere = this.#posed || (u.cursor.event != null && u.over.matches(':hover'));
    if (row === null || !isHere) {
      this.#tip.style.display = 'none';
      return;
    }
    this.#fillTip(row);
    this.#tip.style.display = 'block';
    const width = this.#tip.offsetWidth;
    const x = left ?? 0;
    this.#tip.style.left = `${x + 14 + width > u.over.clientWidth ? Math.max(0, x - width - 14) : x + 14}px`;
  }

  #fillTip(row: number): void {
    const time = document.createElement('time');
    time.textContent = stamp(this.#data.times[row] ?? 0);
    const rows = this.#options.lines.map((line, i) => {
      const value = this.#data.raw[i]?.[row];
      const item = document.createElement('div');
      const swatch = document.createElement('i');
      swatch.className = signOf(line);
      swatch.style.borderColor = token(line.color);
      const figure = document.createElement('b');
      figure.textContent = typeof value === 'number' ? this.#options.spec.value(value) : '—';
      item.append(swatch, line.label, figure);
      return item;
    });
    this.#tip.replaceChildren(time, ...rows.reverse(), ...this.#tipBands(row));
  }

  #tipBands(row: number): HTMLElement[] {
    return bandsAt(this.#options.bands(), this.#data.times[row] ?? 0).map(({ level, text }) => {
      const item = document.createElement('div');
      item.className = level === 'critical' ? 'crit' : 'warn';
      item.append(text);
      return item;
    });
  }

  #selected(u: uPlot): void {
    const { left, width } = u.select;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (width < DRAG_MIN_PX) return;
    this.#options.onZoom(u.posToVal(left, 'x'), u.posToVal(left + width, 'x'));
  }

  /** Press and move sideways for the crosshair; up and down still scrolls the page. */
  #touch(over: HTMLElement): void {
    const follow = (event: TouchEvent) => {
      const touch = event.touches[0];
      if (!touch) return;
      const box = over.getBoundingClientRect();
      this.#posed = true;
      this.#plot.setCursor({ left: Math.min(box.width, Math.max(0, touch.clientX - box.left)), top: 20 }, true);
    };
    over.addEventListener('touchstart', follow, { passive: true });
    over.addEventListener('touchmove', follow, { passive: true });
    over.addEventListener('touchend', () => this.pose(null), { passive: true });
  }
}
