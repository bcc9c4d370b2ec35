// What applications tell, from the agent's receiver to the page: requests, errors and logs, events, health checks.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { DESKTOP, PHONE, launch, open, signIn, violations } from './browser.mjs';
import { agentBeside, Collector, PASSWORD, until } from './programs.mjs';

const out = join(import.meta.dirname, 'out');
mkdirSync(out, { recursive: true });

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const STACK = 'Traceback (most recent call last):\n  File "/app/views.py", line 88, in show\nKeyError: \'id\'';

let browser;
let started = [];

before(async () => {
  browser = await launch();
});
after(() => browser?.close());
afterEach(async () => {
  for (const one of started.reverse()) await (one.remove?.() ?? one.close());
  started = [];
});

/** A collector and an agent beside an application that tells it everything on an address of its own. */
async function house() {
  const server = new Collector({ FAROL_ADMIN_PASSWORD: PASSWORD });
  started.push(server);
  await server.ready();
  const receiver = new URL(server.url).hostname + ':4318';
  const agent = agentBeside(server, 'shop', {
    FAROL_HTTP_LISTEN: receiver,
    FAROL_STATSD_LISTEN: 'off',
    FAROL_PROBES: `site=${server.url}/health,gone=tcp://${new URL(server.url).hostname}:1`,
  });
  started.push(agent);
  const tell = async (what, items) => {
    const answer = await fetch(`http://${receiver}/v1/${what}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(items),
    });
    if (answer.status !== 202) throw new Error(`${what}: ${answer.status} ${await answer.text()}`);
    return true;
  };
  await until('the receiver', () => tell('requests', [request({ route: '/first' })]));
  return { server, tell };
}

function request(some = {}) {
  return {
    method: 'GET',
    route: '/users/{id}',
    path: '/users/7',
    status: 200,
    duration_ms: 12,
    tenant: 'acme',
    ...some,
  };
}

async function visit(options) {
  const one = await open(browser, options);
  started.push(one.context);
  return one;
}

test('requests appear with their figures, endpoints, slow ones and tenants, and the filters narrow them', async () => {
  const { server, tell } = await house();
  await tell('requests', [
    ...Array.from({ length: 60 }, () => request()),
    ...Array.from({ length: 3 }, () => request({ route: '/broken', status: 500, tenant: 'other' })),
    request({ route: '/report', path: '/report/9', duration_ms: 4_200, user: 'ana', trace_id: TRACE }),
  ]);
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await page.getByRole('link', { name: 'Requests' }).first().click();
  await page.waitForURL(/#\/requests/);
  await page.getByRole('heading', { level: 1, name: 'Requests' }).waitFor();
  await page.getByText('65 in the range').waitFor();
  await page.locator('td', { hasText: '/users/{id}' }).first().waitFor();
  const slow = page.locator('section', { hasText: 'Slowest requests' }).locator('tbody tr').first();
  assert.match(await slow.innerText(), /\/report\/9[\s\S]*4,200[\s\S]*ana[\s\S]*4bf92f35/);
  await page.getByRole('link', { name: 'other' }).click();
  await page.waitForURL(/tenant=other/);
  await page.getByText('3 in the range').waitFor();
  // The address alone brings the same picture back.
  await page.reload();
  await page.getByText('3 in the range').waitFor();
  await page.getByLabel('Tenant').selectOption('');
  await page.getByText('65 in the range').waitFor();
  await page.locator('canvas').first().waitFor();
  assert.deepEqual(faults, []);
});

test('a new error log enters at the top by itself, opens its trace, and is found by its words', async () => {
  const { server, tell } = await house();
  await tell('logs', [{ severity: 'error', message: 'the first of all errors' }]);
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await page.goto(`${server.url}/#/errors`);
  await page.getByText('the first of all errors').waitFor();
  await tell('logs', [
    { severity: 'critical', message: 'payment gateway exploded', exception: 'KeyError', stack: STACK },
  ]);
  const line = page.locator('.logs li', { hasText: 'payment gateway exploded' });
  await line.waitFor();
  assert.match(await page.locator('.logs li').first().innerText(), /payment gateway exploded/);
  await line.getByRole('button').first().click();
  await line.getByText('/app/views.py').waitFor();
  await page.getByLabel('Search the logs').fill('gateway');
  await page.waitForURL(/q=gateway/);
  await until('only what has the word', async () => (await page.locator('.logs li').count()) === 1);
  await page.getByText('KeyError').first().waitFor();
  assert.deepEqual(faults, []);
});

test('a burst of a hundred events is a spike within seconds, and private fields are masked', async () => {
  const { server, tell } = await house();
  const message = (id) => ({
    type: 'MessageSent',
    tenant: 'acme',
    payload: { message_id: `m${id}`, to: '+5511999990000', status: 'sent' },
  });
  await tell('events', [message(0), { type: 'order.paid', payload: { order_id: '77' } }]);
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await page.goto(`${server.url}/#/events`);
  await page.getByText('order.paid').first().waitFor();
  await tell(
    'events',
    Array.from({ length: 100 }, (_, i) => message(i + 1)),
  );
  await page.getByText('m100', { exact: true }).waitFor();
  await page.locator('.chip', { hasText: 'MessageSent 101' }).waitFor();
  assert.equal(await page.getByText('+5511999990000').count(), 0);
  assert.ok((await page.locator('.masked').count()) > 0);
  await page.getByText('Messages sent').waitFor();
  await page.locator('canvas').first().waitFor();
  await page.locator('.chip', { hasText: 'order.paid' }).click();
  await until('only the chosen type', async () => (await page.locator('.evs li').count()) === 1);
  await page.screenshot({ path: join(out, 'events-burst.png') });
  assert.deepEqual(faults, []);
});

test('each health check has its light, and a dead one says why', async () => {
  const { server } = await house();
  const { page } = await visit();
  await signIn(page, server.url);
  await page.goto(`${server.url}/#/health`);
  const row = (name) => page.locator(`[data-check="${name}"]`);
  await row('site').getByText('Online', { exact: true }).waitFor();
  await until('the dead one to be offline', async () => /Offline/.test(await row('gone').innerText()));
  assert.match(await row('gone').innerText(), /refused/);
  await page.goto(server.url);
  await page.locator('[data-light="offline"]').waitFor();
});

test('a service has the charts of its requests, and stands among the resources', async () => {
  const { server, tell } = await house();
  const { page, faults } = await visit();
  const more = setInterval(() => void tell('requests', [request(), request()]).catch(() => undefined), 500);
  try {
    await signIn(page, server.url);
    const card = page.locator('section[data-service]', { hasText: 'shop' });
    await card.getByText('/s').waitFor();
    await card.getByRole('link', { name: 'shop' }).click();
    await page.waitForURL(/#\/resource\/\d+/);
    await page.getByRole('heading', { level: 2, name: 'Latency' }).waitFor();
    await until('charts', async () => (await page.locator('canvas').count()) >= 3);
    assert.equal(await page.getByText('CPU against the limit').count(), 0);
  } finally {
    clearInterval(more);
  }
  assert.deepEqual(faults, []);
});

test('without a WebSocket the lists still grow', async () => {
  const { server, tell } = await house();
  await tell('events', [{ type: 'order.paid', payload: { order_id: 'one' } }]);
  const { page } = await visit();
  await signIn(page, server.url);
  await page.routeWebSocket(/\/ws/, (socket) => socket.close({ code: 1011 }));
  await page.goto(`${server.url}/#/events`);
  await page.reload();
  await page.locator('[data-contact="polling"]').waitFor();
  await page.getByText('one', { exact: true }).waitFor();
  await tell('events', [{ type: 'order.paid', payload: { order_id: 'two' } }]);
  await page.getByText('two', { exact: true }).waitFor();
});

test('an empty house says how to send the first request, error, event and check', async () => {
  const server = new Collector({ FAROL_ADMIN_PASSWORD: PASSWORD });
  started.push(server);
  await server.ready();
  const { page } = await visit();
  await signIn(page, server.url);
  for (const [path, text] of [
    ['requests', 'FAROL_PROXY='],
    ['errors', 'FAROL_LOGS='],
    ['events', '/v1/events'],
    ['health', 'FAROL_PROBES='],
  ]) {
    await page.goto(`${server.url}/#/${path}`);
    await page.locator('pre', { hasText: text }).waitFor();
  }
});

test('the pages about applications are accessible in both themes and on both widths', async () => {
  const { server, tell } = await house();
  await tell('requests', [
    ...Array.from({ length: 40 }, (_, i) => request({ duration_ms: 5 + i })),
    request({ route: '/report', path: '/report/9', duration_ms: 4_200, status: 504, user: 'ana', trace_id: TRACE }),
  ]);
  await tell('logs', [
    { severity: 'error', message: 'no such user', exception: 'KeyError', stack: STACK },
    { severity: 'critical', message: 'the queue is full' },
  ]);
  await tell('events', [
    { type: 'MessageSent', tenant: 'acme', payload: { message_id: 'm1', to: '+55', status: 'sent' } },
    { type: 'order.paid', payload: { order: { id: 7, total: 129.9 } } },
  ]);
  const { resources } = await until('the service', async () => {
    const found = await server.api('/api/v1/resources');
    return found.resources.some((one) => one.kind === 'service' && one.name === 'shop') && found;
  });
  const { id } = resources.find((one) => one.kind === 'service' && one.name === 'shop');
  const pages = [
    ['requests', '/report/9'],
    ['errors', 'the queue is full'],
    ['events', 'order.paid'],
    ['health', 'refused'],
    [`resource/${id}`, 'P95'],
  ];
  const faults = [];
  for (const [width, size] of [
    ['1440x900', DESKTOP],
    ['390x844', PHONE],
  ]) {
    for (const theme of ['dark', 'light']) {
      const { page, context } = await open(browser, { size, theme });
      try {
        await signIn(page, server.url);
        for (const [path, text] of pages) {
          await page.goto(`${server.url}/#/${path}`);
          await page.locator('main').getByText(text).first().waitFor();
          const name = path.startsWith('resource') ? 'service' : path;
          if (path === 'errors') await page.locator('.logs button').first().click();
          await page.screenshot({ path: join(out, `${name}-${width}-${theme}.png`) });
          faults.push(...(await violations(page)).map((line) => `${name} ${width} ${theme}: ${line}`));
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          if (wide > 0) faults.push(`${name} ${width} ${theme}: ${wide} px wider than the screen`);
        }
      } finally {
        await context.close();
      }
    }
  }
  assert.deepEqual(faults, []);
});
