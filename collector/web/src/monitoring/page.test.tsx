// The collector's own machine: pushed, polled, unknown, and not for everybody.

import { cleanup, render, screen, waitFor } from '@testing-library/preact';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { lang } from '../i18n/index';
import { linkState } from '../live/feed';
import { parse, route } from '../state/route';
import { session } from '../state/session';
import { seeEverything, serve } from '../test/boards';
import { systemData } from './chart';
import { MonitoringPage } from './page';
import { History, POINTS_MAX, readStats } from './stats';

beforeEach(() => {
  lang.value = 'en';
  route.value = parse('#/monitoring');
  linkState.value = 'open';
  seeEverything();
  session.value = { state: 'in', user: { username: 'root', role: 'super_admin', monitoring: true } };
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const stats = (some: object = {}) => ({
  cpu: 24.5,
  ram: 512,
  ram_percent: 45,
  queue_size: 1_250,
  services: {},
  ...some,
});

describe('what is told', () => {
  it('is a dash where it is not known, and never 0', () => {
    expect(readStats({ cpu: null, ram: 'x', services: { database: 'online', bad: 3 } })).toEqual({
      cpu: null,
      ram: null,
      ram_percent: null,
      queue_size: null,
      services: { database: 'online' },
    });
    expect(readStats(null)).toBeNull();
  });

  it('is kept for the last twenty points, in order', () => {
    const history = new History();
    for (let i = 0; i < 30; i += 1) history.take(readStats(stats({ cpu: i })), i * 3_000);
    history.take(readStats(stats({ cpu: 99 })), 1);
    const all = history.samples.value;
    expect([all.length, all[0]?.stats.cpu, all.at(-1)?.stats.cpu]).toEqual([POINTS_MAX, 10, 29]);
    // A poll and a push that crossed are one point.
    history.take(readStats(stats({ cpu: 30 })), 29 * 3_000 + 100);
    expect([history.samples.value.length, history.newest?.stats.cpu]).toEqual([POINTS_MAX, 30]);
  });

  it('slides: the picture ends at the newest point and leaves a hole where a value is missing', () => {
    const samples = [1, 2, 3].map((n) => ({
      at: n * 60_000,
      stats: readStats(stats({ cpu: n === 2 ? null : n })) ?? null,
    }));
    const found = systemData(samples.flatMap(({ at, stats: one }) => (one ? [{ at, stats: one }] : [])));
    expect(found?.stretch.to).toBe(180_000);
    expect(found?.answer.series[0]?.points).toEqual([
      [60_000, 1],
      [120_000, null],
      [180_000, 3],
    ]);
    expect(systemData([])).toBeNull();
  });
});

describe('the page', () => {
  const answers = {
    'GET api/monitoring/system': {
      event: 'system_stats',
      at: 1,
      data: stats({ queue_size: null, services: { database: 'online', rabbitmq: 'offline' } }),
    },
    'GET api/v1/logs': { logs: [], next: null },
  };

  it('shows figures in MiB and percent, unknown ones as dashes, and services by their state', async () => {
    serve(answers);
    render(<MonitoringPage />);
    expect(await screen.findByText('24.5')).toBeTruthy();
    expect(screen.getByText('512').textContent).toBe('512MiB');
    expect(screen.getByText('45.0% of memory')).toBeTruthy();
    expect(screen.getByText('no queue connected').parentElement?.querySelector('.stat-v')?.textContent).toBe('—');
    const state = (name: string) => document.querySelector(`[data-service="${name}"]`)?.getAttribute('data-state');
    expect([state('database'), state('rabbitmq'), state('worker')]).toEqual(['online', 'offline', 'unknown']);
    expect(await screen.findByText('No critical log in the last 24 h')).toBeTruthy();
  });

  it('asks by itself while the socket cannot connect, and says so', async () => {
    linkState.value = 'polling';
    const asked = serve(answers);
    render(<MonitoringPage />);
    expect(await screen.findByText(/No WebSocket/)).toBeTruthy();
    await waitFor(() => expect(asked.some(({ path }) => path === 'api/monitoring/system')).toBe(true));
  });

  it('is not for those whom the collector does not name', () => {
    session.value = { state: 'in', user: { username: 'ana', role: 'admin', monitoring: false } };
    const asked = serve(answers);
    render(<MonitoringPage />);
    expect(screen.getByText('You may not see the monitoring')).toBeTruthy();
    expect(screen.queryByRole('link', { name: 'Monitoring' })).toBeNull();
    expect(asked.some(({ path }) => path.startsWith('api/monitoring'))).toBe(false);
  });
});
