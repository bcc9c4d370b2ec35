// Adding an agent in a browser: a token is made, the real agent starts with what the page shows, and the page greets it by
// itself; a wrong token leads to the right advice; who may not make one sees no way to.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { DESKTOP, PHONE, launch, open, signIn, submit, violations } from './browser.mjs';
import { agentBeside, Collector, PASSWORD } from './programs.mjs';

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

/** A collector that nobody has sent anything. */
async function collector(env = {}) {
  const one = new Collector({ FAROL_ADMIN_PASSWORD: PASSWORD, FAROL_SELF: 'false', ...env });
  started.push(one);
  return one.ready();
}

async function visit(options) {
  const one = await open(browser, options);
  started.push(one.context);
  return one;
}

/** From the empty overview to the commands. */
async function makeToken(page, name) {
  await page.getByRole('main').getByRole('link', { name: 'Add an agent' }).click();
  await page.locator('#agent-name').fill(name);
  await page.getByRole('button', { name: 'Make token', exact: true }).click();
  await page.locator('#agent-two').waitFor();
}

/** The text of a step at a place. */
async function snippet(page, place, step) {
  await page
    .getByRole('group', { name: 'Where the agent will run' })
    .getByRole('button', { name: place, exact: true })
    .click();
  return page.locator(`[data-step="${step}"] pre`).innerText();
}

/** The environment that a snippet sets, as its place reads it: YAML of Compose, or words of a shell. */
function environmentOf(text) {
  const found = {};
  for (const [, name, value] of text.matchAll(/\b(FAROL_[A-Z_]+)(?:: |=)("[^"]*"|'[^']*'|[^\s\\]+)/g))
    found[name] = value.replace(/^(["'])(.*)\1$/, '$2');
  return found;
}

/** An agent with this environment and no other, but for the ports that other tests may have. */
function agentWith(server, environment) {
  const agent = agentBeside(server, 'unused', {
    FAROL_TOKEN: undefined,
    FAROL_COLLECTOR_URL: undefined,
    FAROL_NAME: undefined,
    FAROL_SERVICE: undefined,
    FAROL_HTTP_LISTEN: 'off',
    FAROL_STATSD_LISTEN: 'off',
    ...environment,
  });
  started.push(agent);
  return agent;
}

test('an administrator makes a token, pastes what is shown, and is greeted by the first sample', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await makeToken(page, 'Loja São João');
  await page.getByText('Waiting for the first sample of Loja São João…').waitFor();
  // The page was opened by a loopback address: agents elsewhere could not use it.
  await page.locator('[data-loopback]').waitFor();
  const compose = environmentOf(await snippet(page, 'Docker Compose', 'stepCompose'));
  const exec = environmentOf(await snippet(page, 'farol-agent exec', 'stepExec'));
  assert.deepEqual(compose, exec);
  assert.equal(compose.FAROL_COLLECTOR_URL, server.url);
  assert.equal(compose.FAROL_SERVICE, 'loja-sao-joao');
  assert.match(compose.FAROL_TOKEN, /^farol_[\w-]{43}$/);
  const files = await snippet(page, 'systemd (.deb)', 'stepDeb');
  assert.ok(files.includes(`<<< '${compose.FAROL_TOKEN}'`) && files.includes('restart farol-agent'), files);
  agentWith(server, compose);
  const hello = page.locator('[data-hello]');
  await hello.waitFor({ timeout: 60_000 });
  await hello.locator('[data-figure]').first().waitFor();
  assert.match(await hello.locator('[data-figure]').first().innerText(), /\d/);
  await hello.getByRole('link', { name: 'See its charts' }).click();
  await page.waitForURL(/#\/resource\/\d+/);
  await page.locator('canvas').first().waitFor();
  assert.ok(!(await page.content()).includes(compose.FAROL_TOKEN), 'the token stays on its page');
  assert.deepEqual(faults, []);
});

test('what keeps the agent away is told by what came to the door', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await makeToken(page, 'shop');
  const environment = environmentOf(await snippet(page, 'Docker Compose', 'stepCompose'));
  const late = page.getByRole('alert').filter({ hasText: 'What the collector knows' });
  const cut = agentWith(server, { ...environment, FAROL_TOKEN: environment.FAROL_TOKEN.slice(0, -4) });
  await late.getByText(/From 127\.0\.0\.1, .*a token that is cut/).waitFor({ timeout: 60_000 });
  await cut.kill();
  const revoked = agentWith(server, { ...environment, FAROL_TOKEN: `farol_${'x'.repeat(43)}` });
  await late.getByText(/a token that this collector has not made/).waitFor({ timeout: 60_000 });
  await revoked.kill();
  await page.getByRole('button', { name: 'Stop waiting' }).click();
  await page.locator('[data-wait="stopped"]').waitFor();
  agentWith(server, environment);
  await page.getByRole('button', { name: 'Wait again' }).click();
  await page.locator('[data-hello]').waitFor({ timeout: 60_000 });
  assert.deepEqual(faults, []);
});

test('a token that is shown once is not left by mistake', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await makeToken(page, 'shop');
  const question = page.getByRole('dialog', { name: 'Leave without the token?' });
  const stay = async () => {
    await question.waitFor();
    assert.equal(new URL(page.url()).hash, '#/add-agent');
    await page.getByRole('button', { name: 'Stay here' }).click();
    await question.waitFor({ state: 'detached' });
    await page.getByText('The token is shown only now.').waitFor();
  };
  await page.getByRole('complementary').getByRole('link', { name: 'Events', exact: true }).click();
  await stay();
  await page.goBack();
  await stay();
  // The browser's own question, when the tab is closed.
  const [own] = await Promise.all([page.waitForEvent('dialog'), page.close({ runBeforeUnload: true })]);
  assert.equal(own.type(), 'beforeunload');
  await own.dismiss();
  await page.getByRole('complementary').getByRole('link', { name: 'Events', exact: true }).click();
  await question.waitFor();
  await page.getByRole('button', { name: 'Leave this page' }).click();
  await page.waitForURL(/#\/events$/);
  await page.getByRole('heading', { level: 1, name: 'Events' }).waitFor();
  assert.deepEqual(faults, []);
});

test('on a phone every page leads to adding an agent, and does not lose its token', async () => {
  const server = await collector();
  const { page, faults } = await visit({ size: PHONE });
  await signIn(page, server.url);
  await page.evaluate(() => {
    location.hash = '/alerts';
  });
  const bar = page.locator('.tabbar');
  const more = page.getByRole('dialog', { name: 'More', exact: true });
  await bar.getByRole('button', { name: 'More' }).click();
  await page.screenshot({ path: join(out, 'add-agent-more-phone-dark.png') });
  await more.getByRole('link', { name: 'Add an agent' }).click();
  await page.locator('#agent-name').fill('shop');
  await page.getByRole('button', { name: 'Make token', exact: true }).click();
  await page.locator('#agent-two').waitFor();
  await bar.getByRole('link', { name: 'Alerts' }).click();
  const question = page.getByRole('dialog', { name: 'Leave without the token?' });
  await question.waitFor();
  await page.screenshot({ path: join(out, 'add-agent-leave-phone-dark.png') });
  await page.getByRole('button', { name: 'Stay here' }).click();
  await bar.getByRole('button', { name: 'More' }).click();
  await more.getByRole('link', { name: 'Events', exact: true }).click();
  await question.waitFor();
  await page.getByRole('button', { name: 'Leave this page' }).click();
  await page.waitForURL(/#\/events$/);
  assert.deepEqual(faults, []);
});

test('a viewer is told whom to ask and sees no way to make a token', async () => {
  const server = await collector();
  const { token } = await (
    await fetch(`${server.url}/api/auth/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: 'admin', password: PASSWORD }),
    })
  ).json();
  const made = await fetch(`${server.url}/api/v1/users`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify({ username: 'joana', role: 'viewer', password: PASSWORD }),
  });
  assert.equal(made.status, 201);
  const { page, faults } = await visit();
  await page.goto(server.url);
  await page.locator('#username').fill('joana');
  await page.locator('#password').fill(PASSWORD);
  await submit(page).click();
  await page.getByText('An administrator of the whole house adds agents: ask one.').waitFor();
  assert.equal(await page.getByText('Add an agent', { exact: true }).count(), 0);
  await page.evaluate(() => {
    location.hash = '/add-agent';
  });
  await page.getByText('Only administrators add agents').waitFor();
  assert.equal(await page.locator('#agent-name').count(), 0);
  assert.deepEqual(faults, []);
});

test('adding an agent shuts nobody out, on a desk and on a phone, in dark and light', async () => {
  const server = await collector({ FAROL_PUBLIC_URL: 'http://farol.example' });
  const found = [];
  let earlier;
  let number = 0;
  for (const [theme, locale] of [
    ['dark', 'pt-BR'],
    ['light', 'en-US'],
  ]) {
    for (const size of [DESKTOP, PHONE]) {
      const { page } = await visit({ theme, size, locale });
      const look = async (what) => {
        const name = `add-agent-${what}-${size === PHONE ? 'phone' : 'desktop'}-${theme}`;
        await page.screenshot({ path: join(out, `${name}.png`), fullPage: true });
        found.push(...(await violations(page)).map((one) => `${name}: ${one}`));
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        if (width > size.width) found.push(`${name}: ${width} px wide`);
      };
      await signIn(page, server.url);
      // Until now it kept the page live, which signing in waits for.
      await earlier?.kill();
      if (number === 0) {
        await page.locator('.first-run').waitFor();
        await look('first-run');
      }
      await page.evaluate(() => {
        location.hash = '/add-agent';
      });
      await page.locator('#agent-name').waitFor();
      await look('form');
      number += 1;
      await page.locator('#agent-name').fill(`shop-${number}`);
      await page.keyboard.press('Enter');
      await page.locator('[data-wait="waiting"]').waitFor();
      assert.equal(await page.locator('#agent-address').inputValue(), 'http://farol.example');
      assert.equal(await page.locator('[data-loopback]').count(), 0);
      const environment = environmentOf(await page.locator('[data-step="stepCompose"] pre').innerText());
      await look('paste');
      const agent = agentWith(server, { ...environment, FAROL_COLLECTOR_URL: server.url });
      await page.locator('[data-hello] [data-figure]').first().waitFor({ timeout: 60_000 });
      await look('hello');
      earlier = agent;
    }
  }
  assert.deepEqual(found, []);
});
