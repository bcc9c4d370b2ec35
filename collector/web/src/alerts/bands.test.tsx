// The alerts of what a page is about stand behind the lines of its charts: of the instance, or of the service.

import { cleanup, render, waitFor } from '@testing-library/preact';
import type { ComponentType } from 'preact';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { lang } from '../i18n/index';
import * as clock from '../live/clock';
import { clear, load } from '../live/fleet';
import { CachePage } from '../pages/cache';
import { ErrorsPage } from '../pages/errors';
import { QueuesPage } from '../pages/queues';
import { UptimePage } from '../pages/uptime';
import { parse, route } from '../state/route';
import { session } from '../state/session';
import { alertSample } from '../test/alerts';
import { cacheSample, celerySample, rabbitSample } from '../test/cache';
import { answerSample, healthSample, notConfigured, statusSample } from '../test/outside';
import { latest, sample } from '../test/samples';
import { openAlerts } from './source';

const INSTANCES = { redis: 5, celery: 6, rabbitmq: 7, online_users: 8, sentry: 9 };
const SERVICE = 3;

function integrations(): unknown {
  const status = statusSample();
  const kinds = Object.entries(INSTANCES).map(([kind, resource]) => {
    const one = { name: 'main', target: 'x', resource, status };
    return { kind, title: kind, group: 'cache', snippet: '', docs: null, instances: [one] };
  });
  return { now: clock.now(), kinds };
}

/** Answers of one test alone. */
let others: Record<string, unknown> = {};

/** Every resource that is asked about has an alert that is called by its number. */
function answer(url: URL): unknown {
  const asked = url.searchParams;
  const by: Record<string, unknown> = {
    '/api/v1/integrations': integrations(),
    '/api/dashboard/redis/metrics': cacheSample(),
    '/api/v1/celery': celerySample(),
    '/api/v1/queues': rabbitSample(),
    '/api/dashboard/uptime/status': notConfigured('uptimerobot'),
    '/api/dashboard/users/online': answerSample('online_users', { count: 3, window_s: 300, source: 'redis' }),
    '/api/dashboard/sentry/health': answerSample('sentry', healthSample()),
    '/api/v1/errors/by-hour': { step: Number(asked.get('step')), hours: [] },
    '/api/v1/errors/types': { types: [] },
    '/api/v1/alerts': {
      alerts: [alertSample({ name: `Alert of ${asked.get('resource')}`, resource: Number(asked.get('resource')) })],
      open: { critical: 0, warning: 1 },
    },
  };
  if (url.pathname !== '/api/v1/query') return others[url.pathname] ?? by[url.pathname];
  const [from, to, step] = ['from', 'to', 'step'].map((name) => Number(asked.get(name)));
  return { from, to, step, tier: 'raw', series: [] };
}

beforeEach(() => {
  lang.value = 'en';
  clear();
  openAlerts.value = [];
  others = {};
  session.value = { state: 'in', user: { username: 'marina', role: 'viewer' } };
  // Charts are drawn by a browser; here nothing comes into sight.
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      observe = () => undefined;
      disconnect = () => undefined;
    },
  );
  vi.stubGlobal('fetch', (address: string) => {
    const found = answer(new URL(address));
    return Promise.resolve(
      found === undefined
        ? new Response(JSON.stringify({ detail: 'busy' }), { status: 503 })
        : new Response(JSON.stringify(found)),
    );
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** Whose alerts each chart of a page tells to those who do not see it. */
async function tells(hash: string, Page: ComponentType, whose: string[]): Promise<void> {
  route.value = parse(hash);
  render(<Page />);
  const found = () =>
    [...document.querySelectorAll('.chart')]
      .map((one) => /Alert of (\d+|null)/.exec(one.getAttribute('aria-label') ?? '')?.[1] ?? 'none')
      .sort();
  await waitFor(() => expect(found()).toEqual(whose), { timeout: 5_000 });
}

it('is the instance, in the charts of a cache', async () => {
  await tells('#/cache', CachePage, ['5', '5', '5']);
});

it('is what the charts of queues are drawn of: Celery, or else RabbitMQ', async () => {
  await tells('#/queues', QueuesPage, ['6', '6']);
  cleanup();
  others['/api/v1/celery'] = notConfigured('celery');
  await tells('#/queues', QueuesPage, ['7', '7']);
});

it('is what counts the people, on the page of uptime', async () => {
  await tells('#/uptime', UptimePage, ['8']);
});

it('is the only service, in the chart of errors, and Sentry in its own', async () => {
  load([sample(SERVICE, { kind: 'service', name: 'shop', latest: latest({ request_rate: 2 }) })]);
  await tells('#/errors', ErrorsPage, ['3', '9']);
});

it('is nobody where several services are drawn together', async () => {
  load([SERVICE, SERVICE + 1].map((id) => sample(id, { kind: 'service', name: `shop ${id}`, latest: latest({}) })));
  others['/api/dashboard/sentry/health'] = notConfigured('sentry');
  await tells('#/errors', ErrorsPage, ['none']);
});
