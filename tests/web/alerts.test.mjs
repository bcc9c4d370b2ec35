// Alerts on the real page from the collector's own machine: a rule made in the page fires, is told, acknowledged, silenced,
// and over when it is turned off; a channel is tried against a server of the test's own.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { DESKTOP, PHONE, launch, open, signIn, violations } from './browser.mjs';
import { Collector, PASSWORD, until } from './programs.mjs';

const out = join(import.meta.dirname, 'out');
mkdirSync(out, { recursive: true });

/** A figure that is there on every machine and never 0. */
const METRIC = 'system.cpu.logical.count';
/** What fires takes seconds to be judged, gathered and shown. */
const PATIENT = { timeout: 60_000 };

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

/** A collector whose own machine has told its first figures. */
async function collector() {
  const one = new Collector({ FAROL_ADMIN_PASSWORD: PASSWORD });
  started.push(one);
  await one.ready();
  await until('the machine to be measured', async () => {
    const { series } = await one.api('/api/v1/series');
    return series.some(({ metric }) => metric === METRIC);
  });
  return one;
}

/** A server that keeps what a webhook sends; `answer` is the status of all. */
async function listener() {
  const one = { bodies: [], status: 200 };
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => (text += part));
    request.on('end', () => {
      one.bodies.push(text);
      response.writeHead(one.status, { 'content-type': 'text/plain' }).end(`said ${one.status}`);
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  one.url = `http://127.0.0.1:${server.address().port}/hook`;
  started.push({
    remove: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  });
  return one;
}

async function visit(options) {
  const one = await open(browser, options);
  started.push(one.context);
  return one;
}

function go(page, hash) {
  return page.evaluate((to) => {
    location.hash = to;
  }, hash);
}

/** Makes a rule through the page that fires at once. */
async function makeRule(page, name) {
  await go(page, '/rules?new=1');
  await page.getByLabel('Name', { exact: true }).first().fill(name);
  await page.getByRole('combobox', { name: 'Metric', exact: true }).fill(METRIC);
  await page.getByRole('option', { name: METRIC }).first().click();
  await page.getByLabel('Warning', { exact: true }).fill('0');
  await page.getByLabel('Window', { exact: true }).fill('10 s');
  await page.getByLabel('For how long', { exact: true }).fill('0 s');
}

async function save(page, name) {
  await page.getByRole('button', { name: 'Save rule' }).click();
  const row = page.locator('[data-rule-row]', { hasText: name });
  await row.waitFor();
  return row;
}

const openRow = (page, name) => page.locator('li[data-level]', { hasText: name });

test('a rule made in the page fires, is acknowledged and silenced, and is over when it is turned off', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await makeRule(page, 'Has processors');
  // Tried on the past before it is saved: it would have fired since the machine was first measured.
  const test = page.locator('.bt [data-count]');
  await test.waitFor(PATIENT);
  assert.ok(Number(await test.getAttribute('data-count')) >= 1, await test.textContent());
  await page.locator('.bt canvas').first().waitFor();
  await save(page, 'Has processors');
  const { rules } = await server.api('/api/v1/rules');
  const mine = rules.find(({ rule }) => rule.name === 'Has processors');
  assert.deepEqual([mine.origin, mine.rule.for_s, mine.rule.warning, mine.rule.condition.metric], ['own', 0, 0, METRIC]);

  await go(page, '/alerts');
  const row = openRow(page, 'Has processors').first();
  await row.waitFor(PATIENT);
  // The frame of the page counts it as well.
  await page.locator('aside .badge', { hasText: /^\d+/ }).first().waitFor();
  await row.locator('.al-t').click();
  const detail = page.locator('[data-incident]');
  await detail.getByRole('heading', { level: 2, name: /Has processors/ }).waitFor();
  await detail.locator('canvas').first().waitFor();
  await detail.locator('[data-line="fired"]').first().waitFor(PATIENT);

  await page.keyboard.press('a');
  await row.locator('.al-who').waitFor(PATIENT);
  await page.getByRole('button', { name: 'Undo' }).first().click();
  await row.getByRole('button', { name: /^Acknowledge/ }).click();
  await row.locator('.al-who').waitFor(PATIENT);
  await detail.locator('[data-line="acknowledged"]').first().waitFor(PATIENT);

  await detail.getByRole('button', { name: 'Silence 1 h' }).click();
  await row.locator('.badge.maint').waitFor(PATIENT);
  await go(page, '/silences');
  const silence = page.locator('[data-silence][data-state="active"]');
  await silence.first().waitFor();
  await silence.first().getByRole('button', { name: /^End now/ }).click();
  await silence.first().waitFor({ state: 'detached' });

  // The overview and the charts of the machine show it while it lasts.
  await go(page, '/');
  await page.locator('[data-active]').getByText('Has processors').first().waitFor(PATIENT);

  await go(page, '/rules');
  await page.getByRole('switch', { name: 'On: Has processors' }).click();
  await page.getByRole('switch', { name: 'On: Has processors', checked: false }).waitFor();
  await go(page, '/alerts');
  await row.waitFor({ state: 'detached', ...PATIENT });
  await go(page, '/alerts/history');
  await page.locator('tr[data-state="resolved"]', { hasText: 'Has processors' }).first().waitFor(PATIENT);
  await page.locator('[data-lane]', { hasText: 'Has processors' }).locator('i').first().waitFor();
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'CSV' }).click(),
  ]);
  const lines = readFileSync(await file.path(), 'utf8').trim().split('\r\n');
  assert.match(lines[0], /^id,rule,name,level/);
  assert.ok(lines.some((line) => line.includes('Has processors')), lines.join('\n'));
  assert.deepEqual(faults, []);
});

test('a channel is tried, keeps its secret, and is told of what fires', async () => {
  const server = await collector();
  const hook = await listener();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await go(page, '/channels?new=1');
  await page.getByLabel('Name', { exact: true }).fill('My hook');
  await page.getByLabel('Kind', { exact: true }).selectOption('webhook');
  await page.getByLabel('Address', { exact: true }).fill(hook.url);
  hook.status = 404;
  await page.getByRole('button', { name: 'Send test' }).click();
  await page.locator('[data-tried="false"]', { hasText: '404' }).waitFor(PATIENT);
  hook.status = 200;
  await page.getByRole('button', { name: 'Send test' }).click();
  await page.locator('[data-tried="true"]').waitFor(PATIENT);
  assert.ok(hook.bodies.length >= 2);
  await page.getByRole('button', { name: 'Save channel' }).click();
  await page.locator('[data-channel]', { hasText: 'My hook' }).waitFor();
  assert.equal(await page.getByLabel('Address', { exact: true }).inputValue(), '');
  const { channels } = await server.api('/api/v1/channels');
  assert.deepEqual(channels.find(({ name }) => name === 'My hook').settings.url, { set: true });
  assert.ok(!JSON.stringify(channels).includes(hook.url), 'the address of a hook is a secret');

  const before = hook.bodies.length;
  await makeRule(page, 'Told by hook');
  await save(page, 'Told by hook');
  await until('the hook to be told', () => hook.bodies.slice(before).some((body) => body.includes('Told by hook')));
  await go(page, '/alerts');
  await openRow(page, 'Told by hook').first().locator('.al-t').click();
  await page.locator('[data-incident] [data-delivery="sent"]').first().waitFor(PATIENT);
  await go(page, '/channels');
  await page.locator('[data-channel]', { hasText: 'My hook' }).locator('.al-t').click();
  await page.locator('[aria-labelledby="al-log"] [data-delivery="sent"]').first().waitFor(PATIENT);
  assert.deepEqual(faults, []);
});

test('a channel keeps what its form does not show', async () => {
  const server = await collector();
  const quiet = { start: '22:00', end: '07:00', offset_min: -180, critical: false };
  const written = {
    name: 'Night mail',
    kind: 'email',
    quiet,
    offset_min: 345,
    escalate_after_s: 600,
    settings: { host: 'smtp.example.com', from: 'farol@example.com', to: ['ana@example.com'] },
  };
  await server.api('/api/v1/channels');
  const made = await fetch(`${server.url}/api/v1/channels`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${server.token}` },
    body: JSON.stringify(written),
  });
  assert.equal(made.status, 201, await made.text());
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await go(page, '/channels');
  await page.locator('[data-channel]', { hasText: 'Night mail' }).locator('.al-t').click();
  await page.getByLabel('Name', { exact: true }).fill('Night post');
  await page.getByRole('button', { name: 'Save channel' }).click();
  await page.locator('[data-channel]', { hasText: 'Night post' }).waitFor();
  const { channels } = await server.api('/api/v1/channels');
  const now = channels.find(({ name }) => name === 'Night post');
  assert.deepEqual(
    [now.quiet, now.offset_min, now.escalate_after_s, now.settings],
    [quiet, 345, 600, { ...written.settings, security: 'starttls' }],
  );
  assert.deepEqual(faults, []);
});

test('unsaved changes of a rule are asked about', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await go(page, '/rules');
  const rows = page.locator('[data-rule-row] .al-t');
  await rows.nth(1).waitFor();
  await rows.nth(0).click();
  const form = page.locator('[data-rule]');
  await form.waitFor();
  const first = await form.getAttribute('data-rule');
  const warning = page.getByLabel('For how long', { exact: true });
  await warning.fill('7 min');
  const question = page.getByRole('dialog', { name: 'Leave without saving?' });
  const stay = async () => {
    await question.waitFor();
    await page.getByRole('button', { name: 'Keep editing' }).click();
    await question.waitFor({ state: 'detached' });
    assert.equal(new URL(page.url()).hash, `#/rules?rule=${first}`);
    assert.equal(await warning.inputValue(), '7 min');
  };
  await rows.nth(1).click();
  await question.waitFor();
  await page.screenshot({ path: join(out, 'alerts-leave-desktop-dark.png') });
  await stay();
  await page.getByRole('navigation', { name: 'Parts of alerts' }).getByRole('link', { name: 'Channels' }).click();
  await stay();
  await page.goBack();
  await stay();
  await rows.nth(1).click();
  await page.getByRole('button', { name: 'Leave without saving' }).click();
  await page.waitForFunction((id) => document.querySelector('[data-rule]')?.dataset.rule !== id, first);
  // What was left is not kept anywhere.
  await rows.nth(0).click();
  await page.locator(`[data-rule="${first}"]`).waitFor();
  assert.notEqual(await warning.inputValue(), '7 min');
  assert.deepEqual(faults, []);
});

test('built-in rules are named in the language of the page', async () => {
  const server = await collector();
  const { page, faults } = await visit({ locale: 'pt-BR' });
  await signIn(page, server.url);
  await go(page, '/rules?rule=agent-silent');
  const row = page.locator('[data-rule-row="agent-silent"]');
  await row.getByText('Agente sem contato', { exact: true }).waitFor();
  await page.getByRole('heading', { level: 2, name: 'Agente sem contato' }).waitFor();
  assert.equal(await page.locator('#rule-name').inputValue(), 'Agente sem contato');
  await page.getByRole('button', { name: 'EN', exact: true }).click();
  await row.getByText('Agent silent', { exact: true }).waitFor();
  assert.equal(await page.locator('#rule-name').inputValue(), 'Agent silent');
  assert.deepEqual(faults, []);
});

test('of two people who change one rule, the second overwrites nothing', async () => {
  const server = await collector();
  const first = await visit();
  await signIn(first.page, server.url);
  await makeRule(first.page, 'Ours');
  await save(first.page, 'Ours');
  const id = new URL(first.page.url()).hash.match(/rule=([\w-]+)/)[1];
  const second = await visit();
  await signIn(second.page, server.url);
  await go(second.page, `/rules?rule=${id}`);
  await second.page.locator(`[data-rule="${id}"]`).waitFor();
  await second.page.getByLabel('Warning', { exact: true }).fill('2000');
  await first.page.getByLabel('Warning', { exact: true }).fill('1000');
  await first.page.getByRole('button', { name: 'Save rule' }).click();
  await until('the change to be kept', async () => {
    const { rules } = await server.api('/api/v1/rules');
    return rules.find(({ rule }) => rule.id === id).rule.warning === 1000;
  });
  await second.page.getByRole('button', { name: 'Save rule' }).click();
  await second.page.getByText(/Somebody else changed this rule/).waitFor();
  const { rules } = await server.api('/api/v1/rules');
  assert.equal(rules.find(({ rule }) => rule.id === id).rule.warning, 1000);
  await second.page.getByRole('button', { name: 'See the saved version' }).click();
  await second.page.waitForFunction(() => document.querySelector('input[aria-label="Warning"]')?.value === '1000');
  assert.deepEqual(first.faults, []);
  assert.deepEqual(
    second.faults.filter((fault) => !fault.includes('409')),
    [],
  );
});

test('a chart leads to a rule over what it draws', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  const { resources } = await server.api('/api/v1/resources');
  const host = resources.find(({ kind }) => kind === 'host');
  await go(page, `/resource/${host.id}`);
  await page.getByRole('button', { name: 'Memory against the limit: Create alert' }).click();
  await page.locator('[data-rule="new"]').waitFor();
  await page.getByRole('button', { name: /system\.memory\.usage/ }).first().waitFor();
  await page.getByRole('button', { name: /system\.memory\.state=used/ }).waitFor();
  assert.equal(await page.getByLabel('Name', { exact: true }).nth(1).inputValue(), host.name);
  assert.deepEqual(faults, []);
});

test('the alerts’ pages shut nobody out', async () => {
  const server = await collector();
  const { page: maker } = await visit();
  await signIn(maker, server.url);
  await makeRule(maker, 'Seen');
  await save(maker, 'Seen');
  await go(maker, '/alerts');
  await openRow(maker, 'Seen').first().waitFor(PATIENT);
  const found = [];
  for (const theme of ['dark', 'light']) {
    for (const size of [DESKTOP, PHONE]) {
      const { page } = await visit({ theme, size });
      await signIn(page, server.url);
      for (const [hash, sign] of [
        ['/alerts', 'li[data-level]'],
        ['/alerts/history', 'tr[data-alert]'],
        ['/rules', '[data-rule-row]'],
        ['/rules?new=1', '[data-rule="new"]'],
        ['/silences', '#sil-reason'],
        ['/channels?new=1', '#channel-name'],
      ]) {
        await go(page, hash);
        await page.locator(sign).first().waitFor();
        await check(page, hash, size, theme, found);
      }
    }
  }
  assert.deepEqual(found, []);
});

async function check(page, hash, size, theme, found) {
  const name = `alerts${hash.replace(/\W+/g, '-')}-${size === PHONE ? 'phone' : 'desktop'}-${theme}`;
  await page.screenshot({ path: join(out, `${name}.png`), fullPage: true });
  found.push(...(await violations(page)).map((one) => `${name}: ${one}`));
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  if (width > size.width) found.push(`${name}: ${width} px wide`);
}
