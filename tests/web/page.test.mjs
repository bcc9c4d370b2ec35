// The dashboard of a real collector in a real browser: what a person does and sees.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { DESKTOP, PHONE, launch, open, signIn, submit, violations } from './browser.mjs';
import { agentBeside, Collector, PASSWORD, until } from './programs.mjs';

const out = join(import.meta.dirname, 'out');
mkdirSync(out, { recursive: true });

let browser;
/** What a test started and has to be ended. */
let started = [];

before(async () => {
  browser = await launch();
});
after(() => browser?.close());
afterEach(async () => {
  for (const one of started.reverse()) await (one.remove?.() ?? one.close());
  started = [];
});

async function collector(env = { FAROL_ADMIN_PASSWORD: PASSWORD }) {
  const one = new Collector(env);
  started.push(one);
  await one.ready();
  return one;
}

async function visit(options) {
  const one = await open(browser, options);
  started.push(one.context);
  return one;
}

/** The collector's own machine in the list, as soon as its figures are there. */
function hostRow(page) {
  return page.locator('tr[data-resource]').first();
}

/** The figures of a row: its texts with a digit and a unit. */
async function figures(row) {
  return (await row.innerText()).match(/\d[\d.,]*\s?(%|[KMGT]i?B|B\/s)/g)?.join(' ') ?? '';
}

test('the first administrator signs up by the printed link and sees live figures within 3 seconds', async () => {
  const server = await collector({});
  const { page, faults } = await visit();
  await page.goto(await server.setupLink());
  await page.locator('input[autocomplete="username"]').first().fill('ana');
  for (const field of await page.locator('input[type="password"]').all()) await field.fill(PASSWORD);
  await submit(page).click();
  const clicked = performance.now();
  const row = hostRow(page);
  await row.waitFor();
  const first = await until('figures of this machine', () => figures(row));
  await until('a figure to change', async () => (await figures(row)) !== first);
  const took = performance.now() - clicked;
  console.log(`# first change on the screen ${Math.round(took)} ms after signing in`);
  assert.ok(took < 3_000, `the first change took ${Math.round(took)} ms`);
  assert.deepEqual(faults, []);
});

test('a wrong password is told, and the right one opens the overview', async () => {
  const server = await collector();
  const { page } = await visit();
  await page.goto(server.url);
  await page.locator('input[autocomplete="username"]').first().fill('admin');
  await page.locator('input[type="password"]').first().fill('wrong');
  await submit(page).click();
  await page.getByText('Username or password do not match.').waitFor();
  await signIn(page, server.url);
  await hostRow(page).waitFor();
  // The session outlives a reload.
  await page.reload();
  await page.locator('[data-contact="live"]').waitFor();
});

test('an agent that starts appears by itself, and its charts open', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  started.push(agentBeside(server, 'late-shop'));
  const link = page.getByText('late-shop').first();
  await link.waitFor();
  await link.click();
  await page.waitForURL(/#\/resource\/\d+/);
  await page.getByRole('heading', { level: 1, name: 'late-shop' }).waitFor();
  await page.locator('canvas').first().waitFor();
  const isDrawn = (canvas) => {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return canvas.width > 0 && new Set(new Uint32Array(pixels.buffer)).size > 2;
  };
  await until('a chart with lines', () => page.locator('canvas').first().evaluate(isDrawn));
  await until('four charts', async () => (await page.locator('canvas').count()) >= 4);
  assert.deepEqual(faults, []);
});

test('the page survives a restart of the collector: it says so, reconnects, and history has no gap', async () => {
  const server = await collector();
  const { page } = await visit();
  const agent = agentBeside(server, 'steady');
  started.push(agent);
  await signIn(page, server.url);
  await page.getByText('steady').first().waitFor();
  await server.kill();
  const gone = Date.now();
  await page.locator('[data-contact="reconnecting"], [data-contact="lost"]').first().waitFor();
  await page.getByRole('alert').first().waitFor();
  await until('the collector to be away for four seconds', () => Date.now() - gone > 4_000);
  const back = Date.now();
  server.start();
  await server.ready();
  await page.locator('[data-contact="live"]').waitFor();
  const row = page.locator('main').getByText('steady').first();
  await row.waitFor();
  const { resources } = await server.api('/api/v1/resources');
  const { id } = resources.find((one) => one.name === 'steady');
  await until('history without a gap', async () => {
    const path = `/api/v1/query?metric=farol.agent.memory.usage&resource=${id}&from=${gone - 2_000}&to=${back + 2_000}&aggregate=raw`;
    const times = (await server.api(path)).series[0]?.points.map(([time]) => time) ?? [];
    const gaps = times.slice(1).map((time, at) => time - times[at]);
    return times.at(-1) >= back && Math.max(...gaps) <= 2_000;
  });
});

test('without a WebSocket the page polls and says so', async () => {
  const server = await collector();
  const { page } = await visit();
  await page.routeWebSocket(/\/ws/, (socket) => socket.close({ code: 1011 }));
  await page.goto(server.url);
  await page.locator('input[autocomplete="username"]').first().fill('admin');
  await page.locator('input[type="password"]').first().fill(PASSWORD);
  await submit(page).click();
  await page.locator('[data-contact="polling"]').waitFor();
  const row = hostRow(page);
  const first = await until('figures of this machine', () => figures(row));
  await until('a figure to change', async () => (await figures(row)) !== first);
});

test('the address holds the range and zoom, and Back returns to what was seen', async () => {
  const server = await collector();
  const { page } = await visit();
  await signIn(page, server.url);
  await hostRow(page).waitFor();
  const { resources } = await server.api('/api/v1/resources');
  await page.goto(`${server.url}/#/resource/${resources[0].id}?range=1h`);
  await page.locator('canvas').first().waitFor();
  await page.getByRole('button', { name: /Last 1/ }).waitFor();
  await page.reload();
  await page.getByRole('button', { name: /Last 1/ }).waitFor();
  assert.match(page.url(), /range=1h/);
});

test('pause holds the figures still and going live shows the newest', async () => {
  const server = await collector();
  const { page } = await visit();
  await signIn(page, server.url);
  const row = hostRow(page);
  const first = await until('figures of this machine', () => figures(row));
  await until('a figure to change', async () => (await figures(row)) !== first);
  await page.getByRole('button', { name: 'Pause' }).click();
  const held = await figures(row);
  await page.getByText(/[2-9]\d* values have arrived since/).waitFor();
  assert.equal(await figures(row), held);
  await page.getByRole('button', { name: 'Go live' }).first().click();
  await until('a figure to change', async () => (await figures(row)) !== held);
});

test('the page speaks Portuguese to who prefers it', async () => {
  const server = await collector();
  const { page } = await visit({ locale: 'pt-BR' });
  await signIn(page, server.url);
  await page.getByText('Visão geral').first().waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'pt-BR');
});

test('every page is accessible in both themes and on both widths', async () => {
  const server = await collector();
  started.push(agentBeside(server, 'shown'));
  const faults = [];
  for (const [width, size] of [
    ['1440x900', DESKTOP],
    ['390x844', PHONE],
  ]) {
    for (const theme of ['dark', 'light']) {
      const { page, context } = await open(browser, { size, theme });
      try {
        const look = async (name) => {
          await page.screenshot({ path: join(out, `${name}-${width}-${theme}.png`) });
          faults.push(...(await violations(page)).map((line) => `${name} ${width} ${theme}: ${line}`));
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          if (wide > 0) faults.push(`${name} ${width} ${theme}: ${wide} px wider than the screen`);
        };
        await page.goto(server.url);
        await submit(page).waitFor();
        await look('sign-in');
        await signIn(page, server.url);
        await page.locator('tr[data-resource]', { hasText: 'shown' }).waitFor();
        const row = hostRow(page);
        await until('figures of this machine', () => figures(row));
        await look('overview');
        const { resources } = await server.api('/api/v1/resources');
        const { id } = resources.find((one) => one.name === 'shown');
        await page.goto(`${server.url}/#/resource/${id}`);
        await page.locator('canvas').first().waitFor();
        await look('resource');
      } finally {
        await context.close();
      }
    }
  }
  assert.deepEqual(faults, []);
});

test('the keyboard alone reaches a resource', async () => {
  const server = await collector();
  const { page } = await visit();
  await signIn(page, server.url);
  await hostRow(page).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/resource\/\d+/);
});
