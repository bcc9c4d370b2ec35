// Which charts a resource has: only those whose metrics it sends. Hosts send `system.*`, containers and units `container.*`.

import type { SeriesRow } from '../api/types';
import { matcher, type ChartSpec, type Line, type Matcher } from '../chart/spec';
import { axisBytes, axisNumber, bytes, pct, rate, short } from '../i18n/format';
import { t } from '../i18n/index';
import { collectorCharts } from './own-charts';
import { hasRequests, serviceCharts } from './service-charts';

/** At most so many lines can be told apart; the rest become "others". */
const LINES_MAX = 7;
const SERIES_COLORS = ['--s1', '--s2', '--s3', '--s4', '--s5', '--s6', '--s7'] as const;

type LineParts = Omit<Line, 'role'> & { role?: Line['role'] };

/** A line, unless none of its series exist. */
function line(parts: LineParts): Line[] {
  return parts.plus.length === 0 ? [] : [{ role: 'line', ...parts }];
}

/** A chart, unless it has nothing to draw but limits. */
function chart(spec: ChartSpec): ChartSpec[] {
  return spec.lines.some((l) => l.role === 'line' || l.role === 'stack') ? [spec] : [];
}

function limit(find: Matcher, metric: string): Line[] {
  return line({ key: 'limit', label: t.value.lineLimit, color: '--crit', plus: find(metric), role: 'limit' });
}

/** Devices under or over others would be counted twice: what carries names like these is left out if anything else is there. */
const VIRTUAL_DISK = /^(dm-|md|loop|ram|zram|sr)\d/;
const VIRTUAL_NETWORK = /^(lo$|veth|docker|br-|virbr|cni|flannel|cali|tap|tun|dummy|ifb)/;

/** Series of a metric without the virtual devices, unless there are only those. */
export function physical(
  series: readonly SeriesRow[],
  metric: string,
  attribute: string,
  virtual: RegExp,
): SeriesRow[] {
  const all = series.filter((s) => s.metric === metric);
  const real = all.filter((s) => !virtual.test(s.attributes[attribute] ?? ''));
  return real.length > 0 ? real : all;
}

function hostCpu(find: Matcher): ChartSpec[] {
  const m = t.value;
  const mode = (...modes: string[]) => find('system.cpu.time', { 'cpu.mode': modes });
  return chart({
    key: 'cpu',
    title: m.chartCpu,
    note: m.unitCores,
    metrics: ['system.cpu.time', 'system.cpu.limit'],
    lines: [
      ...line({ key: 'system', label: m.lineSystem, color: '--s3', plus: mode('system'), role: 'stack' }),
      ...line({ key: 'irq', label: m.lineInterrupts, color: '--s4', plus: mode('irq', 'softirq'), role: 'stack' }),
      ...line({ key: 'steal', label: m.lineSteal, color: '--s5', plus: mode('steal'), role: 'stack' }),
      ...line({ key: 'user', label: m.lineUser, color: '--s1', plus: mode('user', 'nice'), role: 'stack' }),
      ...line({ key: 'iowait', label: m.lineIoWait, color: '--s2', plus: mode('iowait') }),
      ...limit(find, 'system.cpu.limit'),
    ],
    axis: axisNumber,
    value: short,
  });
}

function containerCpu(find: Matcher): ChartSpec[] {
  const m = t.value;
  const mode = (name: string) => find('container.cpu.time', { 'cpu.mode': name });
  return chart({
    key: 'cpu',
    title: m.chartCpu,
    note: m.unitCores,
    metrics: ['container.cpu.time', 'container.cpu.limit'],
    lines: [
      ...line({ key: 'system', label: m.lineSystem, color: '--s3', plus: mode('system'), role: 'stack' }),
      ...line({ key: 'user', label: m.lineUser, color: '--s1', plus: mode('user'), role: 'stack' }),
      ...limit(find, 'container.cpu.limit'),
    ],
    axis: axisNumber,
    value: short,
  });
}

function throttling(find: Matcher): ChartSpec[] {
  const m = t.value;
  const periods = find('container.cpu.throttling.periods');
  const held = find('container.cpu.throttling.throttled_periods');
  if (periods.length === 0) return [];
  return chart({
    key: 'throttling',
    title: m.chartThrottling,
    note: m.unitPeriods,
    metrics: ['container.cpu.throttling.periods', 'container.cpu.throttling.throttled_periods'],
    lines: line({ key: 'throttled', label: m.lineThrottled, color: '--s2', plus: held, over: periods, isFilled: true }),
    axis: (v) => pct(v, 0),
    value: (v) => pct(v),
    atLeast: 0.1,
  });
}

function hostMemory(find: Matcher): ChartSpec[] {
  const m = t.value;
  const state = (...states: string[]) => find('system.memory.usage', { 'system.memory.state': states });
  return chart({
    key: 'memory',
    title: m.chartMemory,
    metrics: ['system.memory.usage', 'system.memory.limit', 'system.paging.usage', 'system.linux.memory.oom_kills'],
    lines: [
      ...line({ key: 'used', label: m.lineUsed, color: '--s1', plus: state('used'), role: 'stack' }),
      ...line({ key: 'cache', label: m.lineCache, color: '--s8', plus: state('cached', 'buffers') }),
      ...line({
        key: 'swap',
        label: m.lineSwap,
        color: '--s2',
        plus: find('system.paging.usage', { 'system.paging.state': 'used' }),
      }),
      ...limit(find, 'system.memory.limit'),
      ...line({
        key: 'oom',
        label: m.eventOom,
        color: '--crit',
        plus: find('system.linux.memory.oom_kills'),
        role: 'event',
      }),
    ],
    axis: axisBytes,
    value: bytes,
    base: 2,
  });
}

function containerMemory(find: Matcher): ChartSpec[] {
  const m = t.value;
  const workingSet = find('container.memory.working_set');
  return chart({
    key: 'memory',
    title: m.chartMemory,
    metrics: [
      'container.memory.working_set',
      'container.memory.usage',
      'container.memory.limit',
      'container.memory.swap',
      'container.memory.oom_kills',
    ],
    lines: [
      ...line({ key: 'used', label: m.lineUsed, color: '--s1', plus: workingSet, role: 'stack' }),
      // What is charged beyond the working set is page cache that can go.
      ...line({
        key: 'cache',
        label: m.lineReclaimable,
        color: '--s8',
        plus: find('container.memory.usage'),
        minus: workingSet,
        role: 'stack',
      }),
      ...line({ key: 'swap', label: m.lineSwap, color: '--s2', plus: find('container.memory.swap') }),
      ...limit(find, 'container.memory.limit'),
      ...line({
        key: 'oom',
        label: m.eventOom,
        color: '--crit',
        plus: find('container.memory.oom_kills'),
        role: 'event',
      }),
    ],
    axis: axisBytes,
    value: bytes,
    base: 2,
  });
}

function pressure(find: Matcher, metric: string): ChartSpec[] {
  const m = t.value;
  const some = (of: string) => find(metric, { 'farol.pressure.resource': of, 'farol.pressure.kind': 'some' });
  return chart({
    key: 'pressure',
    title: m.chartPressure,
    note: m.unitOfTime,
    metrics: [metric],
    lines: [
      ...line({ key: 'io', label: m.lineIo, color: '--s3', plus: some('io') }),
      ...line({ key: 'memory', label: m.lineMemory, color: '--s2', plus: some('memory') }),
      ...line({ key: 'cpu', label: m.cpu, color: '--s1', plus: some('cpu'), isFilled: true }),
    ],
    axis: (v) => pct(v, 0),
    value: (v) => pct(v),
    atLeast: 0.05,
  });
}

function disk(series: readonly SeriesRow[], metric: string): ChartSpec[] {
  const m = t.value;
  const real = physical(series, metric, 'system.device', VIRTUAL_DISK);
  const way = (direction: string) => matcher(real)(metric, { 'disk.io.direction': direction });
  return chart({
    key: 'disk',
    title: m.chartDisk,
    metrics: [metric],
    lines: [
      ...line({ key: 'read', label: m.lineRead, color: '--s3', plus: way('read') }),
      ...line({ key: 'write', label: m.lineWrite, color: '--s1', plus: way('write') }),
    ],
    axis: (v, step, top) => (v === 0 ? '0' : `${axisBytes(v, step, top)}/s`),
    value: rate,
    atLeast: 1024,
    base: 2,
  });
}

function network(series: readonly SeriesRow[], metric: string): ChartSpec[] {
  const m = t.value;
  const real = physical(series, metric, 'network.interface.name', VIRTUAL_NETWORK);
  const way = (direction: string) => matcher(real)(metric, { 'network.io.direction': direction });
  return chart({
    key: 'network',
    title: m.chartNetwork,
    metrics: [metric],
    lines: [
      ...line({ key: 'in', label: m.lineIn, color: '--s3', plus: way('receive'), isFilled: true }),
      ...line({ key: 'out', label: m.lineOut, color: '--s1', plus: way('transmit') }),
    ],
    axis: (v, step, top) => (v === 0 ? '0' : `${axisBytes(v, step, top)}/s`),
    value: rate,
    atLeast: 1024,
    base: 2,
  });
}

const MOUNT = 'system.filesystem.mountpoint';
const STATE = 'system.filesystem.state';

/** Mount points in the order of their names: a colour stays with its mount. */
export function mounts(series: readonly SeriesRow[]): string[] {
  const names = series.filter((s) => s.metric === 'system.filesystem.usage').map((s) => s.attributes[MOUNT] ?? '');
  return [...new Set(names)].sort();
}

function fileSystems(series: readonly SeriesRow[], find: Matcher): ChartSpec[] {
  const m = t.value;
  const names = mounts(series);
  // As df does: what is reserved for root is not there to be used.
  const share = (key: string, label: string, color: string, at: readonly string[]) =>
    line({
      key,
      label,
      color,
      plus: find('system.filesystem.usage', { [MOUNT]: at, [STATE]: 'used' }),
      over: find('system.filesystem.usage', { [MOUNT]: at, [STATE]: ['used', 'free'] }),
    });
  const lines = [
    ...names.slice(0, LINES_MAX).flatMap((mount, i) => share(mount, mount, SERIES_COLORS[i] ?? '--s8', [mount])),
    ...share('others', m.lineOthers, '--s8', names.slice(LINES_MAX)),
  ];
  return chart({
    key: 'filesystems',
    title: m.chartFileSystems,
    note: m.unitOfSize,
    metrics: ['system.filesystem.usage'],
    lines,
    axis: (v) => pct(v, 0),
    value: (v) => pct(v),
    atLeast: 1,
  });
}

function load(find: Matcher): ChartSpec[] {
  const m = t.value;
  return chart({
    key: 'load',
    title: m.chartLoad,
    note: m.unitThreads,
    metrics: ['system.linux.cpu.load_1m', 'system.linux.cpu.load_5m', 'system.linux.cpu.load_15m'],
    lines: [
      ...line({ key: '15m', label: '15 min', color: '--o1', plus: find('system.linux.cpu.load_15m') }),
      ...line({ key: '5m', label: '5 min', color: '--o2', plus: find('system.linux.cpu.load_5m') }),
      ...line({ key: '1m', label: '1 min', color: '--o3', plus: find('system.linux.cpu.load_1m') }),
    ],
    axis: axisNumber,
    value: short,
    atLeast: 1,
  });
}

/** What only a service tells. */
function ofService({ metric }: SeriesRow): boolean {
  return metric === 'farol.events' || metric.startsWith('farol.service.');
}

/** All charts of a resource, in reading order. */
export function charts(series: readonly SeriesRow[]): ChartSpec[] {
  const find = matcher(series);
  const first = <T>(...groups: T[][]): T[] => groups.find((group) => group.length > 0) ?? [];
  return [
    ...(hasRequests(series) || series.some(ofService) ? serviceCharts(series) : []),
    ...first(containerCpu(find), hostCpu(find)),
    ...first(containerMemory(find), hostMemory(find)),
    ...throttling(find),
    ...first(pressure(find, 'container.pressure.time'), pressure(find, 'system.linux.pressure.time')),
    ...first(disk(series, 'container.disk.io'), disk(series, 'system.disk.io')),
    ...first(network(series, 'container.network.io'), network(series, 'system.network.io')),
    ...fileSystems(series, find),
    ...load(find),
    ...collectorCharts(series),
  ];
}
