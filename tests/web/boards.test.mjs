// Dashboards that people make, exporting, and the collector's own machine: over the real metrics of the machine that the
// collector watches itself on.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { DESKTOP, PHONE, launch, open, signIn, violations } from './browser.mjs';
import { Collector, PASSWORD, until } from './programs.mjs';

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

/** A collector whose own machine has told its first figures. */
async function collector() {
  const one = new Collector({ FAROL_ADMIN_PASSWORD: PASSWORD });
  started.push(one);
  await one.ready();
  await until('the machine to be measured', async () => {
    const { series } = await one.api('/api/v1/series');
    return series.some(({ metric }) => metric === 'system.memory.usage');
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

const widget = (page, title) =>
  page.locator('[data-widget]', { has: page.getByRole('heading', { name: title, exact: true }) });

/** Makes an empty dashboard through the page and leaves it open for changes. */
async function makeBoard(page, title) {
  await go(page, '/boards');
  await page.getByRole('button', { name: 'New dashboard' }).click();
  await page.getByRole('dialog').getByLabel('Title').fill(title);
  await page.getByRole('dialog').getByRole('button', { name: 'Create dashboard' }).click();
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
  await page.getByRole('button', { name: 'Save' }).waitFor();
}

/** Adds a widget through its settings. */
async function add(page, type, title, { metric, text } = {}) {
  await page.locator(`[data-add="${type}"]`).click();
  // A widget of states shows every resource from the start.
  if (type === 'status') return;
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Title').fill(title);
  if (metric) {
    await dialog.getByRole('combobox', { name: 'Metrics' }).fill(metric);
    await dialog.getByRole('option', { name: metric }).first().click();
  }
  if (text) await dialog.getByLabel('Text', { exact: true }).fill(text);
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await dialog.waitFor({ state: 'detached' });
}

const MEASURED = [
  ['stat', 'Memory now', 'system.memory.limit'],
  ['line', 'Memory', 'system.memory.usage'],
  ['bar', 'Load', 'system.linux.cpu.load_1m'],
  ['gauge', 'Processors', 'system.cpu.logical.count'],
  ['table', 'By state', 'system.memory.usage'],
];

test('a dashboard is made of every kind of widget, arranged by hand and by keys, saved, and there again', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await makeBoard(page, 'My machine');
  for (const [type, title, metric] of MEASURED) await add(page, type, title, { metric });
  await add(page, 'status', 'Status');
  await add(page, 'text', 'On call', { text: 'Runbook: https://example.test/run\n<img src=x onerror=alert(1)>' });
  assert.equal(await page.locator('[data-widget]').count(), 7);

  // By keys: the number moves two columns to the right and becomes one column wider.
  const handle = () => widget(page, 'Memory now').getByRole('button', { name: /^Memory now, column/ });
  await handle().focus();
  const name = await handle().getAttribute('aria-label');
  await page.keyboard.press('Shift+ArrowRight');
  await page.waitForFunction(
    ([selector, before]) => document.querySelector(selector)?.getAttribute('aria-label') !== before,
    [`[data-type="stat"] .drag`, name],
  );
  // By hand: the note goes one row down.
  const note = widget(page, 'On call');
  await note.scrollIntoViewIfNeeded();
  const grip = await note.locator('.drag').boundingBox();
  await page.mouse.move(grip.x + 10, grip.y + 10);
  await page.mouse.down();
  await page.mouse.move(grip.x + 10, grip.y + 60, { steps: 4 });
  await page.mouse.move(grip.x + 10, grip.y + 100, { steps: 4 });
  await page.mouse.up();

  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Edit', exact: true }).waitFor();
  const slug = page.url().match(/#\/d\/([^?]+)/)[1];
  const { widgets } = await server.api(`/api/v1/boards/${slug}`);
  assert.deepEqual(widgets.map(({ widget_type: type }) => type).sort(), [
    'bar',
    'gauge',
    'line',
    'stat',
    'status',
    'table',
    'text',
  ]);
  assert.equal(widgets.find(({ title }) => title === 'Memory now').position.width, 4);
  for (const a of widgets)
    for (const z of widgets) assert.ok(a === z || !overlap(a.position, z.position), `${a.title} lies on ${z.title}`);

  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'My machine' }).waitFor();
  await widget(page, 'Memory now').locator('.stat-v', { hasText: /[GM]iB/ }).waitFor();
  await widget(page, 'Processors').locator('[role="img"]').waitFor();
  await widget(page, 'Memory').locator('canvas').first().waitFor();
  await widget(page, 'By state').getByRole('cell', { name: 'used' }).waitFor();
  await widget(page, 'Status').getByRole('link').first().waitFor();
  const link = widget(page, 'On call').getByRole('link');
  assert.match(await link.getAttribute('rel'), /noopener/);
  assert.equal(await link.getAttribute('href'), 'https://example.test/run');
  assert.equal(await page.locator('.wg-note img').count(), 0, 'text is never HTML');
  assert.deepEqual(faults, []);
});

function overlap(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

async function download(page, act) {
  const [file] = await Promise.all([page.waitForEvent('download'), act()]);
  return readFileSync(await file.path(), 'utf8');
}

test('a dashboard goes out as a file and comes in again', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await makeBoard(page, 'Travels');
  await add(page, 'text', 'Here', { text: 'hello' });
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Edit', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Actions of Travels' }).click();
  const text = await download(page, () => page.getByRole('menuitem', { name: 'Download as JSON' }).click());
  const file = JSON.parse(text);
  assert.deepEqual([file.farol_board, file.title, file.widgets.length], [1, 'Travels', 1]);

  const path = join(out, 'board.json');
  writeFileSync(path, JSON.stringify({ ...file, title: 'Came back' }));
  await go(page, '/boards');
  await page.locator('[data-board]').first().waitFor();
  await page.locator('input[type="file"]').setInputFiles(path);
  await page.getByRole('heading', { level: 1, name: 'Came back' }).waitFor();
  await page.getByText('hello').waitFor();

  await go(page, '/boards');
  const row = page.locator('[data-board]', { hasText: 'Came back' });
  await row.getByRole('button', { name: 'Actions of Came back' }).click();
  await page.getByRole('menuitem', { name: 'Delete dashboard' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete dashboard' }).click();
  await row.waitFor({ state: 'detached' });
  assert.deepEqual(faults, []);
});

test('of two people who change one dashboard, the second loses nothing and overwrites nothing', async () => {
  const server = await collector();
  const first = await visit();
  await signIn(first.page, server.url);
  await makeBoard(first.page, 'Ours');
  await add(first.page, 'text', 'Begin', { text: 'begin' });
  await first.page.getByRole('button', { name: 'Save' }).click();
  await first.page.getByRole('button', { name: 'Edit', exact: true }).waitFor();
  const hash = new URL(first.page.url()).hash.slice(1);

  const second = await visit();
  await signIn(second.page, server.url);
  await go(second.page, `${hash}?edit=1`);
  await second.page.locator('[data-add="text"]').waitFor();
  await first.page.getByRole('button', { name: 'Edit', exact: true }).click();
  await add(first.page, 'text', 'Of the first', { text: '1' });
  await first.page.getByRole('button', { name: 'Save' }).click();
  await first.page.getByRole('button', { name: 'Edit', exact: true }).waitFor();

  await add(second.page, 'text', 'Of the second', { text: '2' });
  await second.page.getByRole('button', { name: 'Save' }).click();
  const dialog = second.page.getByRole('dialog', { name: 'Somebody else saved this dashboard' });
  await dialog.getByRole('button', { name: 'Save as a copy' }).click();
  await second.page.getByRole('heading', { level: 1, name: 'Ours (copy)' }).waitFor();
  const titles = async (slug) => (await server.api(`/api/v1/boards/${slug}`)).widgets.map(({ title }) => title).sort();
  assert.deepEqual(await titles(hash.split('/').at(-1)), ['Begin', 'Of the first']);
  const copy = second.page.url().match(/#\/d\/([^?]+)/)[1];
  assert.deepEqual(await titles(copy), ['Begin', 'Of the second']);
  assert.deepEqual(first.faults, []);
  // The browser itself logs the refusal.
  assert.deepEqual(
    second.faults.filter((fault) => !fault.includes('409')),
    [],
  );
});

test('a draft is not lost by a link', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await makeBoard(page, 'Draft');
  await add(page, 'text', 'Unsaved', { text: 'x' });
  await page.locator('aside').getByRole('link', { name: 'Events' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'Leave without saving?' });
  await dialog.getByRole('button', { name: 'Keep editing' }).click();
  await dialog.waitFor({ state: 'detached' });
  await widget(page, 'Unsaved').waitFor();
  await page.locator('aside').getByRole('link', { name: 'Events' }).first().click();
  await dialog.getByRole('button', { name: 'Leave without saving' }).click();
  await page.getByRole('heading', { level: 1, name: 'Events' }).waitFor();
  assert.deepEqual(faults, []);
});

test('the export dialog says how much comes, and that comes', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  // Steps of ten seconds over an hour: a few rows of a series that has just begun.
  await page.keyboard.press('e');
  const dialog = page.getByRole('dialog', { name: 'Export metrics' });
  await dialog.locator('.chosen').waitFor();
  while ((await dialog.locator('.choose').first().locator('.chosen button').count()) > 0)
    await dialog.locator('.choose').first().locator('.chosen button').first().click();
  await dialog.getByRole('combobox', { name: 'Metrics' }).fill('system.memory.limit');
  await dialog.getByRole('option', { name: 'system.memory.limit' }).first().click();
  await dialog.getByLabel('Time range').selectOption('1h');
  await dialog.getByLabel('One point every').selectOption('1m');
  const told = dialog.locator('[data-rows]');
  await told.waitFor();
  const promised = Number(await told.getAttribute('data-rows'));
  const link = dialog.getByRole('link', { name: 'Download CSV' });
  const href = await link.getAttribute('href');
  const text = await download(page, () => link.click());
  await dialog.waitFor({ state: 'detached' });
  const rows = text.trim().split(/\r\n/);
  assert.match(rows[0], /time/);
  assert.ok(rows.length > 1, text);
  // A promise made beforehand: a step more or less may have begun since.
  assert.ok(Math.abs(rows.length - 1 - promised) <= 2, `${promised} rows were promised, ${rows.length - 1} came`);
  assert.match(href, /metric=system\.memory\.limit/);
  assert.deepEqual(faults, []);
});

test('the monitoring page gets live values, and is only there for those who may see it', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  const me = await server.api('/api/auth/me');
  assert.equal(me.monitoring, true);
  await page.locator('aside').getByRole('link', { name: 'Monitoring' }).click();
  const figures = page.locator('[data-system]');
  await figures.waitFor();
  const first = await figures.getAttribute('data-system');
  await page.waitForFunction(
    (before) => document.querySelector('[data-system]')?.getAttribute('data-system') !== before,
    first,
  );
  await figures.getByText('MiB').waitFor();
  assert.equal(await page.getByText('No WebSocket').count(), 0);
  await page.getByText('CPU and RAM, last 20 points').waitFor();
  assert.deepEqual(faults, []);
});

test('neither dashboards nor monitoring shut anybody out', async () => {
  const server = await collector();
  const { page: maker } = await visit();
  await signIn(maker, server.url);
  await makeBoard(maker, 'Seen');
  for (const [type, title, metric] of MEASURED) await add(maker, type, title, { metric });
  await add(maker, 'status', 'Status');
  await add(maker, 'text', 'On call', { text: 'https://example.test' });
  await maker.getByRole('button', { name: 'Save' }).click();
  await maker.getByRole('button', { name: 'Edit', exact: true }).waitFor();
  const found = [];
  for (const theme of ['dark', 'light']) {
    for (const size of [DESKTOP, PHONE]) {
      const { page } = await visit({ theme, size });
      await signIn(page, server.url);
      for (const [hash, sign] of [
        ['/boards', '[data-board="seen"]'],
        ['/d/seen', '[data-widget] .stat-v'],
        ['/d/seen?edit=1', '.note.infoc'],
        ['/monitoring', '[data-system]'],
      ]) {
        await go(page, hash);
        await page.locator(sign).first().waitFor();
        await check(page, hash, size, theme, found);
      }
      await go(page, '/');
      await page.locator('[data-verdict]').first().waitFor();
      if (size === DESKTOP) {
        await page.keyboard.press('e');
        await page.getByRole('dialog', { name: 'Export metrics' }).locator('.chosen').waitFor();
        await check(page, '/export', size, theme, found);
      }
    }
  }
  assert.deepEqual(found, []);
});

async function check(page, hash, size, theme, found) {
  const name = `boards${hash.replace(/\W+/g, '-')}-${size === PHONE ? 'phone' : 'desktop'}-${theme}`;
  await page.screenshot({ path: join(out, `${name}.png`), fullPage: !hash.includes('export') });
  found.push(...(await violations(page)).map((one) => `${name}: ${one}`));
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  if (width > size.width) found.push(`${name}: ${width} px wide`);
}
