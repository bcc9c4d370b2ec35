// Other systems on the page of a collector that asks none: calm offers, the lines to write, and nobody is shut out.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { DESKTOP, PHONE, launch, open, signIn, violations } from './browser.mjs';
import { Collector, PASSWORD } from './programs.mjs';

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

async function collector() {
  const one = new Collector({ FAROL_ADMIN_PASSWORD: PASSWORD });
  started.push(one);
  await one.ready();
  return one;
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
  assert.doesNotMatch(page.url(), /connect=/);
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
        await page.screenshot({ path: join(out, `${name}.png`), fullPage: !hash.includes('connect') });
        found.push(...(await violations(page)).map((one) => `${name}: ${one}`));
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        if (width > size.width) found.push(`${name}: ${width} px wide`);
      }
    }
  }
  assert.deepEqual(found, []);
});
