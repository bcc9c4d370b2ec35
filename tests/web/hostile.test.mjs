// Hostile names, hostile pages: what a workload can send is text on every page, and another page can do nothing in a person's name.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';

import { launch, open, signIn } from './browser.mjs';
import { agentBeside, Collector, PASSWORD, until } from './programs.mjs';

/** Runs where a page takes text for markup, a string for script, or an address for a link to follow. */
const EVIL = `"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script><svg onload=window.hacked=1>'{{7*7}}`;
const LINK = 'javascript:window.hacked=1';

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

async function collector() {
  const server = new Collector({ FAROL_ADMIN_PASSWORD: PASSWORD });
  started.push(server);
  return server.ready();
}

/** An agent of an application whose every name is an attack. */
async function hostile(server) {
  const receiver = `${new URL(server.url).hostname}:4318`;
  const agent = agentBeside(server, `shop ${EVIL}`, {
    FAROL_NAME: `host ${EVIL}`,
    FAROL_ENVIRONMENT: EVIL,
    FAROL_HTTP_LISTEN: receiver,
    FAROL_STATSD_LISTEN: 'off',
    FAROL_PROBES: `gone=tcp://${new URL(server.url).hostname}:1`,
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
  const request = {
    method: 'GET',
    route: `/r/${EVIL}`,
    path: `/p/${EVIL}`,
    status: 500,
    duration_ms: 4_200,
    tenant: EVIL,
    user: EVIL,
    exception: EVIL,
  };
  await until('the receiver', () => tell('requests', [request]));
  await tell('events', [
    { type: 'Evil', tenant: EVIL, payload: { [EVIL]: EVIL, link: LINK } },
    { type: 'MessageSent', tenant: EVIL, payload: { message_id: EVIL, to: LINK, status: EVIL } },
  ]);
  await tell('metrics', [{ name: 'orders', value: 1, kind: 'gauge', unit: EVIL, attributes: { pool: EVIL } }]);
  await tell('logs', [{ severity: 'error', message: `log ${EVIL}`, exception: EVIL, stack: EVIL, tenant: EVIL }]);
  await until('what was told', async () => {
    const events = await server.api('/api/v1/events');
    const logs = await server.api('/api/v1/logs');
    const slow = await server.api('/api/v1/requests/slow');
    return events.events.length === 2 && logs.logs.length > 0 && slow.requests.length > 0;
  });
}

test('whatever a workload puts into a name is text on every page', async () => {
  const server = await collector();
  await hostile(server);
  const { page, faults, context } = await open(browser);
  started.push(context);
  await signIn(page, server.url);
  const resources = (await server.api('/api/v1/resources')).resources;
  const pages = [
    ['/', 'host "><img'],
    ['/requests', '/r/"><img'],
    ['/errors', 'log "><img'],
    ['/events', 'Evil'],
    ['/health', 'gone'],
    ['/uptime', ''],
    ['/integrations', ''],
    ['/settings/audit', ''],
    ['/boards', ''],
    ['/monitoring', ''],
    ...resources.map((one) => [`/resource/${one.id}`, one.name.includes('img') ? '"><img' : '']),
  ];
  for (const [hash, text] of pages) {
    await page.evaluate((to) => {
      location.hash = to;
    }, hash);
    await page.locator('main h1').first().waitFor();
    if (text !== '') await page.getByText(text).first().waitFor();
    // What is folded away is markup only when it is opened.
    await page.evaluate(() => {
      document.querySelectorAll('main details > summary, main [aria-expanded="false"]').forEach((one) => one.click());
    });
    assert.equal(await page.evaluate(() => window.hacked), undefined, hash);
    assert.equal(await page.locator('img[src="x"], svg[onload], a[href^="javascript"]').count(), 0, hash);
  }
  assert.deepEqual(
    faults.filter((fault) => /Content.Security|hacked|javascript:/i.test(fault)),
    [],
    'nothing even tried',
  );
});

/** A page of somebody else at this address, on another port: browsers send our cookie along with its requests. */
async function stranger(server, html) {
  const host = new URL(server.url).hostname;
  const other = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(html);
  });
  await new Promise((resolve) => other.listen(0, host, resolve));
  started.push({ close: () => new Promise((resolve) => other.close(resolve)) });
  return `http://${host}:${other.address().port}/`;
}

test('a page of somebody else can neither act in the name of a person who is signed in nor listen', async () => {
  const server = await collector();
  const { page, context } = await open(browser);
  started.push(context);
  await signIn(page, server.url);
  const address = await stranger(server, '<!doctype html><title>elsewhere</title><p id="out">waiting</p>');
  const other = await context.newPage();
  await other.goto(address);
  const cookies = await context.cookies(server.url);
  assert.equal(cookies.find((one) => one.name === 'farol_session')?.sameSite, 'Strict');
  const tried = await other.evaluate(async (url) => {
    const send = (path, method, body) =>
      fetch(url + path, { method, body, mode: 'no-cors', credentials: 'include' }).then(
        (answer) => answer.type,
        (error) => String(error),
      );
    const sent = [
      await send('/api/auth/logout', 'POST', ''),
      await send('/api/auth/sessions/end-others', 'POST', '{}'),
      await send('/api/v1/users', 'POST', '{"username":"mallory","role":"super_admin","password":"a long enough secret"}'),
    ];
    const form = document.createElement('form');
    form.action = `${url}/api/auth/logout`;
    form.method = 'post';
    form.target = 'sink';
    const frame = document.createElement('iframe');
    frame.name = 'sink';
    document.body.append(frame, form);
    const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
    form.submit();
    await loaded;
    const heard = await new Promise((resolve) => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/dashboard`);
      socket.onmessage = (message) => resolve(message.data);
      socket.onclose = (event) => resolve(`closed ${event.code}`);
    });
    const read = await fetch(`${url}/api/auth/me`, { credentials: 'include' }).then(
      (answer) => answer.text(),
      (error) => `refused ${error.name}`,
    );
    return { sent, heard, read };
  }, server.url);
  assert.match(tried.heard, /^closed/, JSON.stringify(tried));
  assert.match(tried.read, /^refused/, JSON.stringify(tried));
  const me = await page.evaluate(async () => (await fetch('/api/auth/me')).status);
  assert.equal(me, 200, 'still signed in');
  const users = await server.api('/api/v1/users');
  assert.deepEqual(
    users.users.map((user) => user.username),
    ['admin'],
  );
});

test('no page of somebody else shows ours in a frame', async () => {
  const server = await collector();
  const address = await stranger(server, `<!doctype html><iframe id="victim" src="${server.url}/"></iframe>`);
  const { page, context } = await open(browser);
  started.push(context);
  const refused = page.waitForEvent('console', (message) => /frame-ancestors|Refused to frame|Framing/i.test(message.text()));
  await page.goto(address);
  await refused;
  const frame = page.frames().find((one) => one !== page.mainFrame());
  assert.equal(await frame.locator('main').count(), 0);
});
