// Accounts in a browser against the real collector: a second factor from its QR code to its last recovery code, people and
// what they may open, tokens that are shown once, sessions that are ended elsewhere, the audit log, and nobody shut out.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { DESKTOP, PHONE, launch, open, signIn, submit, violations } from './browser.mjs';
import { agentBeside, Collector, PASSWORD, until } from './programs.mjs';

const out = join(import.meta.dirname, 'out');
mkdirSync(out, { recursive: true });

/** Runs where a page takes text for markup. */
const EVIL = `"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`;

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
  return one.ready();
}

async function visit(options) {
  const one = await open(browser, options);
  started.push(one.context);
  return one;
}

/** Faults without those that the browser logs for an answer that the test asked for. */
function beside(faults, ...statuses) {
  return faults.filter(
    (fault) => !statuses.some((status) => fault.includes(`the server responded with a status of ${status}`)),
  );
}

function go(page, hash) {
  return page.evaluate((to) => {
    location.hash = to;
  }, hash);
}

const button = (page, name) => page.getByRole('button', { name, exact: true });
const dialog = (page) => page.getByRole('dialog');
const act = (page, name) => dialog(page).getByRole('button', { name, exact: true }).click();

/** What is shown this once; it goes away when it is said to be kept. */
async function secret(page) {
  const text = await dialog(page).locator('pre').first().innerText();
  await act(page, 'I have kept it');
  await dialog(page).waitFor({ state: 'detached' });
  assert.ok(!(await page.content()).includes(text.trim()));
  return text.trim();
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const STEP_MS = 30_000;

/** The code of a secret as authenticator apps compute it (RFC 6238), so many steps from now. */
function codeOf(base32, later = 0) {
  const bits = [...base32].map((letter) => LETTERS.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const moment = Buffer.alloc(8);
  moment.writeBigUInt64BE(BigInt(Math.floor(Date.now() / STEP_MS) + later));
  const tag = createHmac('sha1', key).update(moment).digest();
  const number = tag.readUInt32BE(tag.at(-1) & 0xf) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

async function enter(page, url, username, password) {
  await page.goto(url);
  await page.locator('#username').fill(username);
  await page.locator('#password').fill(password);
  await submit(page).click();
}

const live = (page) => page.locator('[data-contact="live"]').waitFor();

test('a second factor is turned on with an app, asked for, and turned off with a recovery code', async () => {
  const server = await collector();
  const first = await visit();
  await signIn(first.page, server.url);
  await go(first.page, '/settings/account');
  await button(first.page, 'Turn on second factor').click();
  await dialog(first.page).getByLabel('Password').fill('not the password');
  await act(first.page, 'Continue');
  await dialog(first.page).getByText('The current password does not match.').waitFor();
  await dialog(first.page).getByLabel('Password').fill(PASSWORD);
  await act(first.page, 'Continue');
  const picture = dialog(first.page).getByRole('img', { name: /QR code/ });
  await picture.waitFor();
  const { width, height } = await picture.boundingBox();
  assert.ok(width > 150 && Math.abs(width - height) < 1, `the code is ${width} by ${height}`);
  const base32 = (await dialog(first.page).locator('pre').innerText()).replace(/\s/g, '');
  await dialog(first.page).getByLabel('Code that the app shows').fill(codeOf(base32));
  await act(first.page, 'Turn on');
  await dialog(first.page).getByText('Recovery codes', { exact: true }).waitFor();
  // What would be lost is not closed by a key.
  await first.page.keyboard.press('Escape');
  const codes = (await secret(first.page)).split('\n');
  assert.equal(new Set(codes).size, 10);
  await first.page.locator('section[aria-labelledby="factor"]').getByText('On', { exact: true }).waitFor();

  const second = await visit();
  await enter(second.page, server.url, 'admin', PASSWORD);
  const field = second.page.locator('#code');
  await field.waitFor();
  assert.equal(await field.getAttribute('autocomplete'), 'one-time-code');
  await field.fill('000000');
  await submit(second.page).click();
  await second.page.getByText(/This code does not work/).waitFor();
  // The code of now was spent; the next one is good already.
  await field.fill(codeOf(base32, 1));
  await submit(second.page).click();
  await live(second.page);

  await go(second.page, '/settings/account');
  await button(second.page, 'Turn off…').click();
  await dialog(second.page).getByLabel('Password').fill(PASSWORD);
  await dialog(second.page)
    .getByLabel(/or a recovery code/)
    .fill(codes[0]);
  await act(second.page, 'Turn off second factor');
  await button(second.page, 'Turn on second factor').waitFor();
  assert.deepEqual(beside(first.faults, 403), []);
  // The first attempt without a code, and the one with a wrong one.
  assert.deepEqual(beside(second.faults, 401), []);
});

test('a person gets a password once, sees what the role allows, and is gone when deleted', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await go(page, '/settings/users');
  await button(page, 'New person').click();
  await dialog(page).getByLabel('Username').fill('joana');
  await dialog(page).getByLabel('Role').selectOption('viewer');
  await act(page, 'Create account');
  await dialog(page).getByText('Password of joana', { exact: true }).waitFor();
  const password = await secret(page);
  await page.locator('[data-user="joana"]').waitFor();

  const hers = await visit();
  await enter(hers.page, server.url, 'joana', password);
  await live(hers.page);
  await go(hers.page, '/settings/account');
  const tabs = hers.page.getByRole('navigation', { name: 'Parts of the settings' });
  await tabs.waitFor();
  assert.deepEqual(await tabs.getByRole('link').allInnerTexts(), ['My account', 'Tokens & agents']);
  await go(hers.page, '/settings/users');
  await hers.page.getByText('Your role does not see this part').waitFor();

  await page.reload();
  await button(page, 'Edit joana').click();
  await dialog(page).getByLabel('Role').selectOption('admin');
  await act(page, 'Save');
  await page.locator('[data-user="joana"]').getByText('Admin', { exact: true }).waitFor();
  // A change ends the sessions of the account: the page of hers says so by itself.
  await hers.page.locator('#username').waitFor();

  await button(page, 'Edit joana').click();
  await act(page, 'Delete account…');
  await dialog(page).getByText('Delete the account of joana?').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Keep joana');
  await act(page, 'Delete joana');
  await page.locator('[data-user="joana"]').waitFor({ state: 'detached' });
  await button(page, 'Edit admin').click();
  await dialog(page).getByLabel('Role').selectOption('viewer');
  await act(page, 'Save');
  await dialog(page)
    .getByText(/only active super admin/)
    .waitFor();
  assert.deepEqual(beside(faults, 409), []);
});

test('a new password ends the other sessions and keeps this one', async () => {
  const server = await collector();
  const [here, there] = [await visit(), await visit()];
  await signIn(there.page, server.url);
  await signIn(here.page, server.url);
  await go(here.page, '/settings/account');
  await button(here.page, 'Change password').click();
  await dialog(here.page).getByLabel('Current password').fill(PASSWORD);
  await dialog(here.page).getByLabel('New password', { exact: true }).fill('another-lighthouse');
  await dialog(here.page).getByLabel('New password, again').fill('another-lighthouse');
  await act(here.page, 'Change password');
  await there.page.locator('#username').waitFor();
  await here.page.getByText('1 open').waitFor();
  assert.deepEqual(here.faults, []);
});

test('tokens are shown once, work, and stop when they are revoked', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await go(page, '/settings/tokens');
  await button(page, 'New token').first().click();
  await dialog(page).getByLabel('Name').fill(`agents ${EVIL}`);
  await dialog(page).getByLabel('Environment').fill('staging');
  await act(page, 'Create token');
  await dialog(page)
    .getByText(/FAROL_COLLECTOR_URL=.*farol-agent run/)
    .waitFor();
  const token = await secret(page);
  const agent = agentBeside(server, 'shop', {
    FAROL_TOKEN: token,
    FAROL_STATSD_LISTEN: 'off',
    FAROL_HTTP_LISTEN: 'off',
  });
  started.push(agent);
  await until('the agent to be heard', async () =>
    (await server.api('/api/v1/tokens')).tokens.some(
      ({ name, last_used }) => name.includes('agents') && last_used !== null,
    ),
  );
  await page.reload();
  const row = page.locator('[data-token]', { hasText: 'agents' });
  await row.getByText('staging').waitFor();
  await row.getByRole('button').click();
  await act(page, 'Revoke token');
  await row.getByText('Revoked').waitFor();

  await button(page, 'New token').last().click();
  await dialog(page).getByLabel('Name').fill('script');
  await act(page, 'Create token');
  await dialog(page)
    .getByText(/Authorization: Bearer/)
    .waitFor();
  const key = await secret(page);
  const ask = async () =>
    (await fetch(`${server.url}/api/v1/resources`, { headers: { Authorization: `Bearer ${key}` } })).status;
  assert.equal(await ask(), 200);
  await button(page, 'Revoke script').click();
  await act(page, 'Revoke token');
  await page.locator('[data-api-token="script"]').getByText('Revoked').waitFor();
  assert.equal(await ask(), 401);
  assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
  assert.deepEqual(faults, []);
});

test('a session that is ended elsewhere is over at once, and all others together', async () => {
  const server = await collector();
  const [here, there] = [await visit(), await visit()];
  await signIn(there.page, server.url);
  // A program that calls itself something evil is text in the list.
  await fetch(`${server.url}/api/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'User-Agent': EVIL },
    body: JSON.stringify({ username: 'admin', password: PASSWORD }),
  });
  await signIn(here.page, server.url);
  await go(here.page, '/settings/account');
  await here.page.getByText('3 open').waitFor();
  await here.page.locator('[data-session="current"]').getByText('this session').waitFor();
  await here.page.locator('[data-session="other"]', { hasText: 'Chrome' }).getByRole('button').click();
  await there.page.locator('#username').waitFor();
  await here.page.getByText('2 open').waitFor();
  await button(here.page, 'End the others').click();
  await dialog(here.page).getByText('1 session has to sign in again').waitFor();
  await act(here.page, 'End the others');
  await here.page.getByText('1 open').waitFor();
  assert.equal(await here.page.evaluate(() => globalThis.hacked), undefined);
  assert.deepEqual(here.faults, []);
});

test('the audit log shows what was done, filtered by its address, and as a file', async () => {
  const server = await collector();
  const { page, faults } = await visit();
  await signIn(page, server.url);
  await go(page, '/settings/users');
  await button(page, 'New person').click();
  await dialog(page).getByLabel('Username').fill('tiago');
  await act(page, 'Create account');
  const password = await secret(page);
  await go(page, '/settings/audit');
  await page.locator('[data-action="login"]').first().waitFor();
  const made = page.locator('[data-action="user.create"]', { hasText: 'tiago' });
  await made.getByRole('button').click();
  await page.getByText('In the role').waitFor();
  assert.ok(!(await page.content()).includes(password));
  await page.getByLabel('Action').selectOption('user.create');
  await page.waitForFunction(() => location.hash.includes('action=user.create'));
  await page.locator('[data-action="login"]').waitFor({ state: 'detached' });
  await made.waitFor();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
  const text = readFileSync(await file.path(), 'utf8');
  assert.ok(text.includes('user.create') && text.includes('tiago'), text);
  assert.ok(!text.includes('"login"') && !text.includes(password));
  await page.goBack();
  await page.locator('[data-action="login"]').first().waitFor();
  assert.deepEqual(faults, []);
});

test('a fault of a provider is told in words, and no more of the address than that', async () => {
  const server = await collector();
  const { page, faults } = await visit({ locale: 'pt-BR' });
  await page.goto(`${server.url}/#/login?fault=oidc_no_role`);
  await page.getByText(/não tem papel no Farol/).waitFor();
  await page.goto('about:blank');
  await page.goto(`${server.url}/#/login?fault=${encodeURIComponent(EVIL)}`);
  await page.getByText(/falhou/).waitFor();
  assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
  assert.equal(await page.locator('img').count(), 0);
  assert.deepEqual(faults, []);
});

test('no part of the settings shuts anybody out', async () => {
  const server = await collector();
  const found = [];
  const signs = {
    account: '[data-session="current"]',
    users: '[data-user="admin"]',
    tokens: '#api-tokens',
    audit: '[data-action]',
  };
  for (const [theme, locale] of [
    ['dark', 'pt-BR'],
    ['light', 'en-US'],
  ]) {
    for (const size of [DESKTOP, PHONE]) {
      const { page } = await visit({ theme, size, locale });
      const look = async (what) => {
        const name = `access-${what}-${size === PHONE ? 'phone' : 'desktop'}-${theme}`;
        await page.screenshot({ path: join(out, `${name}.png`) });
        found.push(...(await violations(page)).map((one) => `${name}: ${one}`));
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        if (width > size.width) found.push(`${name}: ${width} px wide`);
      };
      await page.goto(`${server.url}/#/login?fault=oidc_failed`);
      await page.locator('.note').waitFor();
      await look('login');
      await signIn(page, server.url);
      for (const [tab, sign] of Object.entries(signs)) {
        await go(page, `/settings/${tab}`);
        await page.locator(sign).first().waitFor();
        await look(tab);
      }
      await page.locator('[data-action] button').first().click();
      await page.locator('.set-detail').waitFor();
      await look('audit-open');
      await go(page, '/settings/users');
      await page.locator('[data-user="admin"] button').click();
      await dialog(page).waitFor();
      await look('person');
    }
  }
  assert.deepEqual(found, []);
});
