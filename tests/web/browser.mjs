// One headless browser for all tests, with what each page needs: language, size, theme, errors collected, axe.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { chromium } from 'playwright-core';

import { browserPath, PASSWORD } from './programs.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

export function launch() {
  return chromium.launch({
    executablePath: browserPath(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A fresh page with its own storage; `faults` collects what the console and the page complain about. */
export async function open(browser, { locale = 'en-US', size = DESKTOP, theme = 'dark', ...more } = {}) {
  const hasTouch = size === PHONE;
  const context = await browser.newContext({ locale, viewport: size, colorScheme: theme, hasTouch, ...more });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults = [];
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    const { url } = message.location();
    // Whoever is not signed in yet is told so by a status that browsers log as an error.
    if (message.type() === 'error' && !url.endsWith('/api/auth/me')) faults.push(`console: ${message.text()} ${url}`);
  });
  return { context, page, faults };
}

/** The button that sends a form. */
export function submit(page) {
  return page.locator('form button:not([type="button"])');
}

/** Signs in as the administrator of the tests. */
export async function signIn(page, url) {
  await page.goto(url);
  await page.locator('input[name="username"], input[autocomplete="username"]').first().fill('admin');
  await page.locator('input[type="password"]').first().fill(PASSWORD);
  await submit(page).click();
  await page.locator('[data-contact="live"]').waitFor();
}

/** Every violation that axe finds, as readable lines. */
export async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const result = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return result.violations.map(
      (one) =>
        `${one.id} (${one.impact}): ${one.help}: ${one.nodes
          .slice(0, 3)
          .map((node) => `${node.target} ${node.any[0]?.message ?? ''}`)
          .join(' | ')}`,
    );
  });
  return found;
}
