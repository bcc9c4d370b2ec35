// The pages about applications as a person meets them: empty, filled, failing, filtered.

import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/preact';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { lang } from '../i18n/index';
import { lastHeard, linkState } from '../live/feed';
import * as clock from '../live/clock';
import { forget } from '../live/compare';
import { clear, load } from '../live/fleet';
import { fits } from '../errors/logs';
import { parse, route } from '../state/route';
import { checkSample, errorSample, eventsSample, latencySample, logSample, requestSample } from '../test/records';
import { latest, sample } from '../test/samples';
import { ErrorsPage } from './errors';
import { EventsPage } from './events';
import { HealthPage } from './health';
import { Overview } from './overview';
import { RequestsPage } from './requests';

type Answers = Record<string, unknown>;

const asked: URL[] = [];

/** Answers by the end of the path; what is not named fails. */
function answers(by: Answers): void {
  vi.stubGlobal('fetch', (address: string) => {
    const url = new URL(address);
    asked.push(url);
    const found = Object.entries(by).find(([path]) => url.pathname.endsWith(path));
    return Promise.resolve(
      found
        ? new Response(JSON.stringify(found[1]))
        : new Response(JSON.stringify({ detail: 'the store is busy' }), { status: 503 }),
    );
  });
}

const last = (path: string) => asked.filter((url) => url.pathname.endsWith(path)).at(-1);

const REQUESTS: Answers = {
  '/requests/latency': latencySample(),
  '/requests/recent': { requests: [requestSample()], count: 1, mean_ms: 12.5, min_ms: 12.5, max_ms: 12.5 },
  '/requests/slow': { requests: [requestSample({ duration_ms: 2_500, status: 504 })] },
  '/requests/endpoints': {
    endpoints: [
      {
        method: 'GET',
        route: '/users/{id}',
        count: 12,
        failed: 1,
        share: 1,
        mean_ms: 10,
        min_ms: 1,
        max_ms: 40,
        p50_ms: 8,
        p95_ms: 20,
        p99_ms: 30,
      },
    ],
  },
  '/requests/tenants': {
    tenants: [{ tenant: 'acme', count: 12, failed: 0, share: 1, mean_ms: 1, p95_ms: 2, slow_ms: 3, slow_share: 1 }],
  },
};

const NO_REQUESTS: Answers = {
  '/requests/latency': { ...latencySample(), points: [], statuses: [], total: { ...latencySample().total, count: 0 } },
  '/requests/recent': { requests: [], count: 0, mean_ms: null, min_ms: null, max_ms: null },
  '/requests/slow': { requests: [] },
  '/requests/endpoints': { endpoints: [] },
  '/requests/tenants': { tenants: [] },
};

const service = () => sample(7, { kind: 'service', name: 'shop', latest: latest({ request_rate: 2, p95: 0.02 }) });

beforeEach(() => {
  lang.value = 'en';
  asked.length = 0;
  clear();
  load([sample(1), service()]);
  route.value = parse('#/');
  linkState.value = 'open';
  lastHeard.value = clock.now();
  // Charts are drawn by a browser; here nothing comes into sight.
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
  forget();
  vi.unstubAllGlobals();
});

describe('requests', () => {
  it('shows figures, endpoints, slow ones and tenants', async () => {
    answers(REQUESTS);
    route.value = parse('#/requests');
    render(<RequestsPage />);
    await waitFor(() => expect(screen.getByText('0.94')).toBeTruthy());
    expect(screen.getAllByText('/users/{id}').length).toBeGreaterThan(0);
    expect(screen.getByText('504')).toBeTruthy();
    expect(screen.getByRole('link', { name: 'acme' }).getAttribute('href')).toContain('tenant=acme');
    expect(screen.getByText(/Last 100 requests/)).toBeTruthy();
  });

  it('asks for the service and tenant of the address', async () => {
    answers(REQUESTS);
    route.value = parse('#/requests?service=7&tenant=acme&range=15m');
    render(<RequestsPage />);
    await waitFor(() => expect(last('/requests/latency')).toBeTruthy());
    const params = last('/requests/latency')?.searchParams;
    expect([params?.get('service'), params?.get('tenant')]).toEqual(['7', 'acme']);
    expect(Number(params?.get('to')) - Number(params?.get('from'))).toBe(900_000);
  });

  it('says how to send the first one', async () => {
    clear();
    load([sample(1)]);
    answers(NO_REQUESTS);
    route.value = parse('#/requests');
    render(<RequestsPage />);
    await waitFor(() => expect(screen.getByText(/FAROL_PROXY=/)).toBeTruthy());
    fireEvent.click(screen.getByRole('button', { name: 'OpenTelemetry' }));
    expect(screen.getByText(/127\.0\.0\.1:4318/)).toBeTruthy();
  });

  it('says what failed and offers to ask again', async () => {
    answers({});
    route.value = parse('#/requests');
    render(<RequestsPage />);
    await waitFor(() => expect(screen.getAllByText('the store is busy').length).toBeGreaterThan(0));
    answers(REQUESTS);
    fireEvent.click(screen.getAllByRole('button', { name: 'Retry now' })[0] ?? document.body);
    await waitFor(() => expect(screen.getByText('0.94')).toBeTruthy());
  });
});

describe('errors', () => {
  const some: Answers = {
    '/errors/by-hour': { step: 3_600_000, hours: [] },
    '/errors/types': { types: [errorSample()] },
    '/logs': { logs: [logSample()], next: 'older' },
    '/requests/tenants': { tenants: [] },
  };

  it('shows types and logs, and opens their stacks', async () => {
    answers(some);
    route.value = parse('#/errors');
    render(<ErrorsPage />);
    await waitFor(() => expect(screen.getByText('it broke')).toBeTruthy());
    expect(screen.queryByText(/Traceback/)).toBeNull();
    fireEvent.click(screen.getByText('it broke'));
    expect(screen.getByText(/Traceback/)).toBeTruthy();
    fireEvent.click(screen.getByText('bad id'));
    expect(screen.getByText('in a.py')).toBeTruthy();
  });

  it('goes back by the cursor', async () => {
    answers(some);
    route.value = parse('#/errors?level=warn');
    render(<ErrorsPage />);
    await waitFor(() => expect(screen.getByText('it broke')).toBeTruthy());
    answers({ '/logs': { logs: [logSample({ id: 0, time: 900_000, message: 'the first' })], next: null } });
    fireEvent.click(screen.getByRole('button', { name: 'Older' }));
    await waitFor(() => expect(screen.getByText('the first')).toBeTruthy());
    const params = last('/logs')?.searchParams;
    expect([params?.get('before'), params?.get('level')]).toEqual(['older', 'warn']);
    expect(screen.queryByRole('button', { name: 'Older' })).toBeNull();
  });

  it('takes in only what fits the filters', () => {
    expect(fits(logSample(), 'error', null, null)).toBe(true);
    expect(fits(logSample({ level: 'warn' }), 'error', null, null)).toBe(false);
    expect(fits(logSample(), 'warn', 8, null)).toBe(false);
    expect(fits(logSample({ tenant: 'a' }), 'warn', 7, 'a')).toBe(true);
  });
});

it('shows events with what is masked, and figures that are not null', async () => {
  answers({ '/events': eventsSample(), '/query': { series: [], step: 60_000 }, '/requests/tenants': { tenants: [] } });
  route.value = parse('#/events');
  render(<EventsPage />);
  await waitFor(() => expect(screen.getByText('message_id')).toBeTruthy());
  expect(screen.getByText('masked')).toBeTruthy();
  expect(screen.getByText('Messages sent')).toBeTruthy();
  expect(screen.queryByText('AI tokens')).toBeNull();
  fireEvent.click(screen.getByRole('button', { name: /MessageSent/ }));
  await waitFor(() => expect(last('/events')?.searchParams.get('type')).toBe('MessageSent'));
});

describe('health', () => {
  it('says the worst state in words, and each check', async () => {
    answers({
      '/checks': {
        checks: [checkSample(), checkSample({ name: 'queue', kind: 'amqp', state: 'offline', detail: 'refused' })],
      },
      '/query': { series: [], step: 60_000 },
    });
    route.value = parse('#/health');
    render(<HealthPage />);
    await waitFor(() => expect(document.querySelector('[data-health]')?.textContent).toBe('Critical'));
    expect(screen.getByText('1 of 2 checks respond')).toBeTruthy();
    expect(screen.getByText(/refused/)).toBeTruthy();
  });

  it('says how to set the first check up', async () => {
    answers({ '/checks': { checks: [] }, '/query': { series: [], step: 60_000 } });
    route.value = parse('#/health');
    render(<HealthPage />);
    await waitFor(() => expect(screen.getByText(/FAROL_PROBES=/)).toBeTruthy());
  });
});

it('shows services on the overview by what they do', async () => {
  answers({ '/checks': { checks: [checkSample()] }, '/logs': { logs: [logSample()], next: null } });
  render(<Overview />);
  await waitFor(() => expect(screen.getAllByText('req/s').length).toBe(1));
  expect(document.querySelector('[data-service="7"]')?.textContent).toContain('20');
  await waitFor(() => expect(screen.getByText('it broke')).toBeTruthy());
  expect(document.querySelector('[data-light="online"]')?.textContent).toContain('Database');
});
