// Which charts a resource has.

import { expect, it } from 'vitest';

import type { SeriesRow } from '../api/types';
import { charts, mounts, physical } from './charts';
import { processRows } from './processes';

let next = 1;
const row = (metric: string, attributes: Record<string, string> = {}): SeriesRow => ({
  id: next++,
  resource: 1,
  metric,
  unit: '1',
  kind: 'gauge',
  attributes,
});

it('draws only what the resource sends', () => {
  expect(charts([])).toEqual([]);
  const container = [
    row('container.cpu.time', { 'cpu.mode': 'user' }),
    row('container.cpu.limit'),
    row('container.memory.working_set'),
    row('container.memory.oom_kills'),
  ];
  expect(charts(container).map((chart) => [chart.key, chart.lines.map((line) => `${line.key} ${line.role}`)])).toEqual([
    ['cpu', ['user stack', 'limit limit']],
    ['memory', ['used stack', 'oom event']],
  ]);
});

it('does not draw a limit alone', () => {
  expect(charts([row('system.cpu.limit'), row('system.memory.limit')])).toEqual([]);
});

it('leaves virtual interfaces out of a sum unless there is nothing else', () => {
  const lo = row('system.network.io', { 'network.interface.name': 'lo' });
  const eth = row('system.network.io', { 'network.interface.name': 'eth0' });
  const pattern = /^lo$/;
  expect(physical([lo, eth], 'system.network.io', 'network.interface.name', pattern)).toEqual([eth]);
  expect(physical([lo], 'system.network.io', 'network.interface.name', pattern)).toEqual([lo]);
});

it('lists each mount point once, by name', () => {
  const at = (mount: string, state: string) =>
    row('system.filesystem.usage', { 'system.filesystem.mountpoint': mount, 'system.filesystem.state': state });
  expect(mounts([at('/var', 'used'), at('/', 'used'), at('/', 'free')])).toEqual(['/', '/var']);
});

it('joins CPU and memory of a process and leaves out what has no value', () => {
  const process = { 'process.pid': '12', 'process.executable.name': 'redis' };
  const cpu = row('process.cpu.time', process);
  const memory = row('process.memory.usage', process);
  const gone = row('process.cpu.time', { 'process.pid': '13', 'process.executable.name': 'gone' });
  const values = new Map([
    [cpu.id, 0.5],
    [memory.id, 1024],
  ]);
  expect(processRows([cpu, memory, gone], (id) => values.get(id) ?? null)).toEqual([
    { pid: '12', name: 'redis', cpu: 0.5, memory: 1024 },
  ]);
});
