// Other systems on the page: calm offers where none is connected, real servers that live, fail and are acted upon, and
// nobody is shut out.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { DESKTOP, PHONE, launch, open, signIn, violations } from './browser.mjs';
import { Collector, PASSWORD, Redis, Settings, until } from './programs.mjs';
import { VENDOR_KEY, Vendors } from './vendors.mjs';

const out = join(import.meta.dirname, 'out');
mkdirSync(out, { recursive: true });

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

async function collector(env = {}) {
  const one = new Collector({ FAROL_ADMIN_PASSWORD: PASSWORD, ...env });
  started.push(one);
  await one.ready();
  return one;
}

/** A collector that asks two Redis, a Sentry, an UptimeRobot that refuses its key, and a PostgreSQL that is not there. */
async function connected() {
  const [main, other, vendors] = await Promise.all([Redis.start(), Redis.start(), new Vendors().ready()]);
  started.push(main, other, vendors);
  const settings = new Settings(`
    [[redis]]
    name = "main"
    url = "${main.url}"
    allow_actions = true

    [[redis]]
    name = "other"
    url = "${other.url}"

    [[sentry]]
    name = "backend"
    url = "${vendors.url}"
    organization = "acme"
    projects = ["web"]
    token_env = "VENDOR_KEY"

    [[uptimerobot]]
    name = "site"
    url = "${vendors.url}"
    api_key_env = "WRONG_KEY"

    [[postgres]]
    name = "orders"
    url = "postgres://farol@127.0.0.1:1/postgres"
  `);
  started.push(settings);
  const server = await collector({
    FAROL_CONFIG: settings.path,
    VENDOR_KEY,
    WRONG_KEY: 'another',
  });
  await until('Sentry and Redis to be read', async () => {
    const { kinds } = await server.api('/api/v1/integrations');
    const states = kinds.flatMap(({ instances }) => instances.map(({ status }) => status.state));
    return states.filter((state) => state === 'ok').length >= 3 && !states.includes('pending');
  });
  return { server, main, other, vendors };
}

async function visit(options) {
  const one = await open(browser, options);
  started.push(one.context);
  return one;
}

/** Moves to a page by its hash, as a link does. */
function go(page, hash) {
  return page.evaluate((to) => {
    location.hash = to;
  }, hash);
}

test('the overview offers to connect other systems in one row, and leads to the lines to write', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  const offers = page.locator('[data-quadrants="none"]');
  await offers.waitFor();
  assert.equal(await page.locator('[data-quadrants="some"]').count(), 0);
  assert.equal(await offers.locator('a').count(), 6);
  const { height } = await offers.boundingBox();
  assert.ok(height < 180, `the row is ${height} px high`);
  await offers.getByRole('link', { name: /Sentry/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('[[sentry]]').waitFor();
  await dialog.getByText('farol-collector check-config').waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.waitForFunction(() => !location.hash.includes('connect='));
  assert.deepEqual(faults, []);
});

test('the integrations page has exact lines for every kind that the collector knows', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await page.locator('aside').getByRole('link', { name: 'Integrations' }).click();
  await page.getByRole('heading', { level: 1, name: 'Integrations' }).waitFor();
  const { kinds } = await server.api('/api/v1/integrations');
  assert.ok(kinds.length > 0);
  for (const { kind, snippet } of kinds) {
    const card = page.locator(`[data-integration="${kind}"]`);
    await card.waitFor();
    assert.equal(await card.getAttribute('data-state'), 'not_configured');
    await card.getByRole('button').click();
    const code = page.getByRole('dialog').locator('pre').first();
    await code.waitFor();
    assert.equal((await code.innerText()).trim(), snippet.trim());
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
  assert.deepEqual(faults, []);
});

test('pages about other systems say how to connect them', async () => {
  const server = await collector();
  const { page, faults } = await visit({ locale: 'pt-BR' });
  await signIn(page, server.url);
  await go(page, '/uptime');
  await page.getByRole('link', { name: 'Conectar UptimeRobot' }).first().waitFor();
  await go(page, '/errors');
  await page.locator('[data-offer="sentry"]').waitFor();
  assert.deepEqual(faults, []);
});

const card = (page, id) => page.locator(`section[aria-labelledby="${id}"]`);

test('the quadrants show what is connected, and say how to connect the rest', async () => {
  const { server } = await connected();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await page.locator('[data-quadrants="some"]').waitFor();
  await card(page, 'q-code').getByText('99.24%').waitFor();
  await card(page, 'q-performance').getByText('/api/patients/{id}/history').waitFor();
  await card(page, 'q-cache').getByText('Connected', { exact: true }).waitFor();
  assert.equal(await card(page, 'q-cache').getAttribute('data-state'), 'ok');
  await card(page, 'q-uptime')
    .getByText(/UptimeRobot refused the key \(401\)/)
    .waitFor();
  assert.equal(await card(page, 'q-queues').getAttribute('data-state'), 'not_configured');
  await card(page, 'q-queues').getByRole('link', { name: 'Connect RabbitMQ' }).click();
  const { kinds } = await server.api('/api/v1/integrations');
  const lines = page.getByRole('dialog').locator('pre').first();
  await lines.waitFor();
  assert.equal((await lines.innerText()).trim(), kinds.find(({ kind }) => kind === 'rabbitmq').snippet.trim());
  await page.keyboard.press('Escape');
  const state = (kind) => page.locator(`[data-integration="${kind}"]`).first().getAttribute('data-state');
  assert.deepEqual(await Promise.all(['sentry', 'redis', 'uptimerobot', 'postgres', 'celery'].map(state)), [
    'ok',
    'ok',
    'auth_error',
    'unreachable',
    'not_configured',
  ]);
  await page
    .locator('[data-integration="uptimerobot"]')
    .getByText(/refused the key \(401\)/)
    .waitFor();
  assert.deepEqual(faults, []);
});

test('what stops answering turns grey with its age, and comes back by itself', async () => {
  const { server, other } = await connected();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await go(page, '/cache?instance=other');
  const named = page.locator('section.card', {
    has: page.getByRole('heading', { name: 'other', exact: true }),
  });
  await named.getByText('Connected', { exact: true }).waitFor();
  await other.kill();
  await named.and(page.locator('.stale')).waitFor();
  await named.getByText(/stale for/).waitFor();
  assert.equal(await named.getByText('Connected', { exact: true }).count(), 0);
  assert.equal(await named.locator('.dimv').count(), 1);
  await page
    .getByText(/Redis does not answer/)
    .first()
    .waitFor();
  other.start();
  await named.getByText('Connected', { exact: true }).waitFor({ timeout: 60_000 });
  assert.equal(await named.and(page.locator('.stale')).count(), 0);
  assert.deepEqual(faults, []);
});

test('keys are deleted by pattern: counted, confirmed by name, followed, and brought back', async () => {
  const { server, main } = await connected();
  main.fill('report', 80_000);
  main.fill('session', 20);
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await go(page, '/cache?instance=main');
  const pattern = card(page, 'pattern');
  await pattern.getByLabel('Pattern', { exact: true }).fill('report:*');
  await pattern.getByRole('button', { name: 'Dry run', exact: true }).click();
  await pattern.getByText('80,000 keys match').waitFor();
  await pattern.getByRole('button', { name: 'Delete 80,000 keys…' }).click();
  const dialog = page.getByRole('dialog');
  const act = dialog.getByRole('button', { name: 'Delete 80,000 keys' });
  assert.equal(await act.isDisabled(), true);
  await dialog.getByLabel(/to confirm/).fill('main');
  await act.click();
  await pattern.getByRole('progressbar').waitFor();
  await page.getByText('80,000 keys of main deleted.').first().waitFor();
  assert.equal(main.ask('DBSIZE').trim(), '20');
  await page.locator('.undoables').getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('region', { name: 'Messages' }).getByText('80,000 keys restored.').waitFor();
  assert.equal(main.ask('DBSIZE').trim(), '80020');
  await card(page, 'recent').getByText('report:*').first().waitFor();
  assert.deepEqual(faults, []);
});

test('no page about other systems shuts anybody out', async () => {
  const server = await collector();
  const found = [];
  for (const theme of ['dark', 'light']) {
    for (const size of [DESKTOP, PHONE]) {
      const { page } = await visit({ theme, size });
      await signIn(page, server.url);
      for (const hash of ['/', '/integrations', '/integrations?connect=redis', '/uptime', '/errors']) {
        await go(page, hash);
        const sign = {
          '/': '[data-quadrants]',
          '/integrations': '[data-integration="sentry"]',
          '/integrations?connect=redis': 'dialog[open]',
          '/uptime': '#monitors, #checks',
          '/errors': '[data-offer="sentry"]',
        }[hash];
        await page.locator(sign).first().waitFor();
        const name = `outside${hash.replace(/\W+/g, '-')}-${size === PHONE ? 'phone' : 'desktop'}-${theme}`;
        await page.screenshot({
          path: join(out, `${name}.png`),
          fullPage: !hash.includes('connect'),
        });
        found.push(...(await violations(page)).map((one) => `${name}: ${one}`));
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        if (width > size.width) found.push(`${name}: ${width} px wide`);
      }
    }
  }
  assert.deepEqual(found, []);
});
