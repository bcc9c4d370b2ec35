// What the page shows of other systems: not connected, waiting, well, partly, stale, failing; and that nobody is shut out.

import axe from 'axe-core';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/preact';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { OutsideStatus } from '../api/outside';
import { axisBegin } from '../errors/sentry';
import { lang } from '../i18n/index';
import * as clock from '../live/clock';
import { lastHeard, linkState, now } from '../live/feed';
import { clear, load } from '../live/fleet';
import { ErrorsPage } from '../pages/errors';
import { IntegrationsPage } from '../pages/integrations';
import { Overview } from '../pages/overview';
import { UptimePage } from '../pages/uptime';
import { CodeHealth } from '../quadrants/code-health';
import { Infrastructure } from '../quadrants/infrastructure';
import { Performance } from '../quadrants/performance';
import { param, parse, route } from '../state/route';
import {
  answerSample,
  configuredSample,
  failedSample,
  healthSample,
  integrationsSample,
  monitorSample,
  notConfigured,
  statusSample,
} from '../test/outside';
import { latencySample } from '../test/records';
import { sample } from '../test/samples';
import { levelOf } from '../ui/gauge';
import { resourceWord } from '../ui/parts';
import { answering, worstMonitorFirst } from './monitors';
import { InstancePicker } from './picker';
import { meanColumn, strip } from './source';
import { lookOf, rateText, reasonOf, safeLink } from './states';
import { cellClass, halved, upText } from './strip';

type Answers = Record<string, unknown>;

const asked: string[] = [];

/** Answers by the end of the path; what is not named fails. */
function answers(by: Answers): void {
  vi.stubGlobal('fetch', (address: string) => {
    const { pathname } = new URL(address);
    asked.push(pathname);
    const found = Object.entries(by).find(([path]) => pathname.endsWith(path));
    return Promise.resolve(
      found
        ? new Response(JSON.stringify(found[1]))
        : new Response(JSON.stringify({ detail: 'nothing here' }), { status: 503 }),
    );
  });
}

const HEALTH = '/sentry/health';

beforeEach(() => {
  lang.value = 'en';
  asked.length = 0;
  clear();
  load([sample(1)]);
  route.value = parse('#/');
  linkState.value = 'open';
  lastHeard.value = clock.now();
  now.value = clock.now();
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      observe = () => undefined;
      disconnect = () => undefined;
    },
  );
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** What axe finds; colours need a browser. */
async function violations(): Promise<string[]> {
  const { violations: found } = await axe.run(document.body, {
    // The sidebar and the phone's tab bar are never there together, but for want of styles.
    rules: Object.fromEntries(['color-contrast', 'region', 'landmark-unique'].map((id) => [id, { enabled: false }])),
  });
  return found.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`);
}

const state = () => document.querySelector('[data-state]')?.getAttribute('data-state');

async function codeHealth(answer: unknown): Promise<void> {
  answers({ [HEALTH]: answer });
  render(<CodeHealth />);
  await waitFor(() => expect(state()).not.toBe('loading'));
}

describe('a card about another system', () => {
  it('says what it would show and how to connect when nothing is connected', async () => {
    await codeHealth(notConfigured('sentry'));
    expect(state()).toBe('not_configured');
    const link = screen.getByRole('link', { name: 'Connect Sentry' });
    expect(link.getAttribute('href')).toBe('#/integrations?connect=sentry');
    expect(document.querySelector('.dial')).toBeNull();
    expect(await violations()).toEqual([]);
  });

  it('waits calmly for the first answer', async () => {
    await codeHealth(answerSample('sentry', {}, statusSample({ state: 'pending', last_ok: null })));
    expect(state()).toBe('pending');
    expect(screen.getByText('No answer yet')).toBeTruthy();
  });

  it('shows figures with their age, and signs where counts are high', async () => {
    await codeHealth(answerSample('sentry', healthSample()));
    expect(screen.getByRole('img', { name: /Crash-free users: 99.24% \(from 90 to 100\)/ })).toBeTruthy();
    expect(document.querySelector('.dial')?.getAttribute('data-level')).toBe('ok');
    expect(screen.getByText(/Sentry · 12 s ago/)).toBeTruthy();
    expect(screen.getByText('128')).toBeTruthy();
    expect(screen.getByText('7').className).toBe('warn');
    expect(screen.getByText('2').className).toBe('crit');
    expect(screen.getByText('23').className).toBe('');
    const all = screen.getByRole('link', { name: /View all errors in Sentry/ });
    expect([all.getAttribute('href'), all.getAttribute('rel')]).toEqual([
      'https://sentry.example/issues',
      'noopener noreferrer',
    ]);
    expect(await violations()).toEqual([]);
  });

  it('shows what is not known as a dash, never as zero', async () => {
    await codeHealth(
      answerSample('sentry', healthSample({ crash_free_users_24h: null, new_issues_24h: null, top_issues: null })),
    );
    expect(screen.getByRole('img', { name: /Crash-free users: —/ })).toBeTruthy();
    expect(document.querySelector('.dial')?.getAttribute('data-level')).toBe('unk');
    expect(document.querySelector('.count3 b')?.textContent).toBe('—');
    expect(screen.queryByText('No open issue')).toBeNull();
  });

  it('keeps the figures of a system that fails, dashed and with the reason', async () => {
    const status = failedSample('auth_error', 'auth', 401, 'token lacks project:read');
    await codeHealth(answerSample('sentry', healthSample(), status, true));
    expect(state()).toBe('stale');
    expect(document.querySelector('section')?.className).toContain('stale');
    expect(screen.getByText(/stale for 3 min/)).toBeTruthy();
    expect(document.querySelector('.trouble')?.textContent).toMatch(
      /Sentry refused the key \(401\): token lacks project:read · next try in 4\smin/,
    );
    expect(screen.getByText('128')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it('says why there is nothing when it never answered', async () => {
    const status = { ...failedSample('unreachable', 'unreachable', null, 'connection refused'), last_ok: null };
    await codeHealth(answerSample('sentry', {}, status));
    expect(screen.getByText('Sentry does not answer')).toBeTruthy();
    expect(screen.getByText(/connection refused/)).toBeTruthy();
  });

  it('names the parts that the newest answer lacks', async () => {
    const missing = [{ part: 'sessions', code: 'auth', message: '403: org:read is needed' }];
    await codeHealth(answerSample('sentry', healthSample(), statusSample({ state: 'partial', missing })));
    expect(screen.getByText('Missing: sessions (403: org:read is needed)')).toBeTruthy();
  });

  it('offers to ask again when the collector does not answer', async () => {
    answers({});
    render(<CodeHealth />);
    await waitFor(() => expect(screen.getByText('nothing here')).toBeTruthy());
    answers({ [HEALTH]: answerSample('sentry', healthSample()) });
    fireEvent.click(screen.getByRole('button', { name: 'Retry now' }));
    await waitFor(() => expect(screen.getByText('128')).toBeTruthy());
  });

  it('leads nowhere but to the web', async () => {
    await codeHealth(answerSample('sentry', healthSample({ link: 'javascript:alert(1)' })));
    expect(screen.queryByRole('link', { name: /View all/ })).toBeNull();
    expect([safeLink('https://a'), safeLink('data:x'), safeLink(null)]).toEqual(['https://a', null, null]);
  });
});

describe('without the system that a quadrant asks', () => {
  it('performance comes from the requests that Farol measured', async () => {
    answers({
      '/sentry/performance': notConfigured('sentry'),
      '/requests/latency': { ...latencySample(), statuses: [{ status: 502, count: 3 }] },
      '/requests/endpoints': {
        endpoints: [
          { method: 'GET', route: '/fast', count: 9, failed: 0, share: 1, mean_ms: 1, p95_ms: 2, p99_ms: 3 },
          { method: 'GET', route: '/slow', count: 1, failed: 0, share: 0, mean_ms: 700, p95_ms: 2_000, p99_ms: 3_000 },
        ],
      },
    });
    render(<Performance integrations={null} />);
    await waitFor(() => expect(screen.getByText('/slow')).toBeTruthy());
    const routes = [...document.querySelectorAll('tbody .ell.mono')].map((one) => one.textContent);
    expect(routes).toEqual(['/slow', '/fast']);
    expect(document.querySelector('.facts')?.textContent).toContain('5xx 3');
  });

  it('infrastructure is the hosts with agents, and says that no provider is needed', async () => {
    answers({
      '/infra/metrics': notConfigured('cloudwatch'),
      '/monitoring/history': { from: 0, to: 1, step: 1, series: [] },
    });
    render(<Infrastructure integrations={null} />);
    await waitFor(() => expect(screen.getByText(/no provider is needed/)).toBeTruthy());
    expect(screen.getByRole('link', { name: 'web-1' })).toBeTruthy();
  });

  it('the overview offers everything in one quiet row', async () => {
    answers({ '/v1/integrations': integrationsSample(), '/uptime/status': notConfigured('uptimerobot') });
    render(<Overview />);
    await waitFor(() => expect(document.querySelector('[data-quadrants]')).toBeTruthy(), { timeout: 5_000 });
    expect(document.querySelector('[data-quadrants]')?.getAttribute('data-quadrants')).toBe('none');
    expect(document.querySelectorAll('.offers li').length).toBe(6);
    expect(asked.filter((path) => path.includes('/sentry/'))).toEqual([]);
  });

  it('the page of errors offers Sentry in one line', async () => {
    answers({ [HEALTH]: notConfigured('sentry') });
    route.value = parse('#/errors');
    render(<ErrorsPage />);
    await waitFor(() => expect(document.querySelector('[data-offer="sentry"]')).toBeTruthy());
  });
});

it('the overview says OFFLINE when the checks from outside do', async () => {
  answers({
    '/v1/integrations': integrationsSample(statusSample()),
    '/uptime/status': answerSample('uptimerobot', {
      up: false,
      word: 'OFFLINE',
      monitors: [monitorSample({ state: 'offline', response_ms: null })],
    }),
  });
  render(<Overview />);
  await waitFor(() => expect(document.querySelector('[data-verdict]')?.textContent).toBe('OFFLINE'));
  expect(document.querySelector('[data-verdict]')?.getAttribute('data-verdict')).toBe('crit');
  expect(screen.getByText('0 of 1 checks respond')).toBeTruthy();
});

it('the overview shows own checks where no service outside is asked', async () => {
  const own = { ...configuredSample('check', { instances: [] }), instance: undefined, status: undefined };
  const monitors = [{ name: 'shop', kind: 'http', url: null, state: 'online', uptime_1d: 1, response_ms: 8 }];
  answers({
    '/integrations': integrationsSample(),
    '/uptime/status': { ...own, up: true, word: 'ONLINE', monitors },
    '/users/online': notConfigured('online_users'),
  });
  render(<Overview />);
  await waitFor(() => expect(screen.getByText('ONLINE')).toBeTruthy());
});

describe('integrations', () => {
  it('show how each does, and why it does not', async () => {
    answers({
      '/v1/integrations': integrationsSample(failedSample('auth_error', 'auth', 401, 'token lacks project:read')),
    });
    route.value = parse('#/integrations');
    render(<IntegrationsPage />);
    await waitFor(() => expect(screen.getByText('Failed')).toBeTruthy());
    expect(screen.getByText(/token lacks project:read/)).toBeTruthy();
    expect(screen.getByText(/failing for 3 min · last success 3 min ago/)).toBeTruthy();
    expect(document.querySelectorAll('[data-state="not_configured"]').length).toBe(2);
    expect(await violations()).toEqual([]);
  });

  it('show the lines to write in a dialog that the address holds', async () => {
    HTMLDialogElement.prototype.showModal = vi.fn();
    answers({ '/v1/integrations': integrationsSample() });
    route.value = parse('#/integrations');
    render(<IntegrationsPage />);
    await waitFor(() => expect(screen.getByRole('button', { name: 'Connect Redis' })).toBeTruthy());
    fireEvent.click(screen.getByRole('button', { name: 'Connect Redis' }));
    await waitFor(() => expect(screen.getByText(/\[\[redis\]\]/)).toBeTruthy());
    expect(route.value.params.get('connect')).toBe('redis');
    expect(screen.getByText('farol-collector check-config')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Close', hidden: true }));
    await waitFor(() => expect(screen.queryByText(/\[\[redis\]\]/)).toBeNull());
  });
});

it('uptime shows monitors beside own checks, and outages', async () => {
  const incident = { reason: '502', started: clock.now() - 7_200_000, duration_s: 104 };
  answers({
    '/uptime/status': answerSample('uptimerobot', {
      up: true,
      word: 'DEGRADED',
      monitors: [
        monitorSample(),
        monitorSample({ name: 'api', state: 'degraded', uptime_30d: null, last_incident: incident }),
      ],
    }),
    '/users/online': notConfigured('online_users'),
    '/checks': { checks: [] },
    '/query': { from: 0, to: 1, step: 1, tier: 'raw', series: [] },
    '/v1/integrations': integrationsSample(),
  });
  route.value = parse('#/uptime');
  render(<UptimePage />);
  await waitFor(() => expect(screen.getByText('DEGRADED')).toBeTruthy());
  const rows = [...document.querySelectorAll('[data-monitor]')].map((row) => row.getAttribute('data-monitor'));
  expect(rows).toEqual(['api', 'site']);
  expect(screen.getByText('502 for 2 min')).toBeTruthy();
  await waitFor(() => expect(screen.getByText('No check is configured')).toBeTruthy());
  expect(await violations()).toEqual([]);
});

describe('two instances of one name', () => {
  it('are asked for by kind and name', () => {
    const instances = ['uptimerobot', 'check'].map((kind) => ({ name: 'site', kind, state: 'ok' as const }));
    const source = configuredSample('uptimerobot', { instance: 'site', instances });
    render(<InstancePicker source={source} name="uptime" label="Monitors" />);
    const select = screen.getByLabelText<HTMLSelectElement>('Monitors');
    expect(select.value).toBe('uptimerobot:site');
    fireEvent.change(select, { target: { value: 'check:site' } });
    expect(param('uptime')).toBe('check:site');
  });

  it('say what they are in the list of resources', () => {
    const of = (kind: string) =>
      resourceWord(sample(1, { kind: 'external', attributes: { 'farol.integration.kind': kind } }));
    expect([of('uptimerobot'), of('online_users')]).toEqual(['UptimeRobot', 'Users online']);
    expect(resourceWord(sample(1))).toBe('Host');
  });
});

describe('states in words', () => {
  const of = (some: Partial<OutsideStatus>) => statusSample(some);

  it('tells asking too often from being refused', () => {
    const limited = failedSample('unreachable', 'limited', 429, 'slow down');
    expect(lookOf(limited).word).toBe('Slow');
    expect(reasonOf('Sentry', limited)).toBe('Sentry asks for fewer calls (429)');
    expect(lookOf(of({ state: 'auth_error' })).word).toBe('Failed');
    expect(lookOf(null).word).toBe('not connected');
    expect(reasonOf('Sentry', of({}))).toBeNull();
  });

  it('says what is left of an allowance, and when it is renewed', () => {
    const time = clock.now();
    const rate = (remaining: number | null, limit: number | null) =>
      rateText(of({ rate_limit: { limit, remaining, reset_at: time + 60_000 } }), time);
    expect([rate(38, 40), rate(2, 40), rate(5, null), rate(null, 40)]).toEqual([
      '38 of 40 calls left',
      expect.stringContaining('2 of 40 calls left, renewed in'),
      '5 calls left',
      '',
    ]);
  });
});

describe('figures', () => {
  it('colours a gauge by the thresholds of the design', () => {
    const level = (value: number | null) => levelOf(value, 0.99, 0.95);
    expect([level(0.999), level(0.99), level(0.97), level(0.9), level(null)]).toEqual([
      'ok',
      'ok',
      'warn',
      'crit',
      'unk',
    ]);
  });

  it('never rounds availability up to a whole', () => {
    expect([upText(1), upText(0.99999), upText(0.9997), upText(null)]).toEqual(['100%', '99.99%', '99.97%', '—']);
  });

  it('takes the worst of a cell, and leaves unknown what was not measured', () => {
    const half = 1_800_000;
    const points = (...values: (number | null)[]) => ({
      points: values.map((value, i): [number, number | null] => [half * (100 + i), value]),
    });
    const { cells, up } = strip([points(1, 1, null), points(1, 0, null)], half * 102);
    expect([cells.at(-3), cells.at(-2), cells.at(-1), cells[0]]).toEqual([1, 0, NaN, NaN]);
    expect(up).toBe(0.5);
    expect(strip([], half).up).toBeNull();
    expect([cellClass(1), cellClass(0.9), cellClass(0), cellClass(NaN)]).toEqual(['ok', 'warn', 'crit', 'u']);
    expect(halved([1, 0, NaN, 1, NaN, NaN])).toEqual([0, 1, NaN]);
  });

  it('means several series without counting holes', () => {
    const mean = meanColumn([{ points: [[1, 2]] }, { points: [[1, 4], [2, null]] }]); // prettier-ignore
    expect([...mean]).toEqual([[1, 3]]);
  });

  it('orders monitors by how bad they are, and leaves paused ones out of the count', () => {
    const some = [monitorSample({ name: 'b' }), monitorSample({ name: 'p', state: 'paused' }), monitorSample({ name: 'a', state: 'offline' })]; // prettier-ignore
    expect([...some].sort(worstMonitorFirst).map(({ name }) => name)).toEqual(['a', 'b', 'p']);
    expect(answering(some)).toEqual({ online: 1, all: 2 });
  });

  it('begins the axis of ratios where something is to be seen', () => {
    expect([axisBegin([0.99, 0.998]), axisBegin([0.93]), axisBegin([0.2]), axisBegin([])]).toEqual([
      0.95, 0.9, 0, 0.95,
    ]);
  });
});
