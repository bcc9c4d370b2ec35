// The resources as the page knows them.

import { beforeEach, expect, it } from 'vitest';

import { sample } from '../test/samples';
import { apply, children, clear, fleet, load, loadHistory, roots, worst } from './fleet';

beforeEach(clear);

it('keeps a known resource and its signals when the list comes again', () => {
  load([sample(1)]);
  const before = fleet.value.get(1);
  load([sample(1), sample(2, { parent: 1 })]);
  expect(fleet.value.get(1)).toBe(before);
  expect(roots.value.map((r) => r.id)).toEqual([1]);
  expect(children.value.get(1)?.map((r) => r.id)).toEqual([2]);
});

it('forgets what is gone', () => {
  load([sample(1), sample(2)]);
  load([sample(2)]);
  expect([...fleet.value.keys()]).toEqual([2]);
});

it('counts a resource whose parent is unknown among the roots', () => {
  load([sample(3, { parent: 99 })]);
  expect(roots.value.map((r) => r.id)).toEqual([3]);
});

it('knows the worst status: critical before silent before warning', () => {
  expect(worst.value).toBeNull();
  load([sample(1, { status: 'warning' }), sample(2)]);
  expect(worst.value).toBe('warning');
  load([sample(1, { status: 'silent' }), sample(2)]);
  expect(worst.value).toBe('silent');
  load([sample(1, { status: 'silent' }), sample(2, { status: 'critical' })]);
  expect(worst.value).toBe('critical');
});

it('applies live figures and says when one is of an unknown resource', () => {
  load([sample(1)]);
  const { latest } = sample(1);
  const row = {
    id: 1,
    time: 2_000_000,
    status: 'critical' as const,
    reasons: [],
    latest: { ...latest, cpu_ratio: 0.99 },
  };
  expect(apply({ room: 'overview', resources: [row] })).toBe(true);
  expect(fleet.value.get(1)?.live.value.latest.cpu_ratio).toBe(0.99);
  expect(apply({ room: 'overview', resources: [{ ...row, id: 7 }] })).toBe(false);
});

it('does not go back to an older sample when a slow answer comes late', () => {
  load([sample(1, { last_seen: 5_000 })]);
  load([sample(1, { last_seen: 4_000, status: 'critical' })]);
  expect(fleet.value.get(1)?.live.value.status).toBe('ok');
});

it('fills sparklines from history and moves them on with live figures', () => {
  load([sample(1, { last_seen: 3_600_000 })]);
  loadHistory({
    from: 0,
    to: 3_600_000,
    step: 60_000,
    series: [
      {
        resource: 1,
        name: 'a',
        cpu_ratio: [
          [60_000, 0.1],
          [3_540_000, 0.5],
        ],
        memory_ratio: [[3_540_000, null]],
      },
    ],
  });
  const trend = fleet.value.get(1)?.trend;
  expect(trend?.last(0)).toBe(0.5);
  expect(trend?.last(1)).toBeNaN();
  const { latest } = sample(1);
  apply({
    room: 'overview',
    resources: [{ id: 1, time: 3_660_000, status: 'ok', reasons: [], latest: { ...latest, cpu_ratio: 0.7 } }],
  });
  expect(trend?.last(0)).toBe(0.7);
});

it('shows no figures of what has ended, and does not count it', () => {
  load([sample(1), sample(2, { parent: 1, status: 'silent', ended: true })]);
  const ended = fleet.value.get(2)?.live.value;
  expect([ended?.status, ended?.latest.cpu_ratio, ended?.reasons]).toEqual(['ended', null, []]);
  expect(worst.value).toBe('ok');
});
