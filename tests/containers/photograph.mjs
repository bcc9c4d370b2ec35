// Photographs the page of the full example: node tests/containers/photograph.mjs ADDRESS. Fails when the page complains.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { DESKTOP, launch, open, signIn } from '../web/browser.mjs';

const address = process.argv[2];
const out = join(import.meta.dirname, '../web/out');
mkdirSync(out, { recursive: true });
const browser = await launch();
try {
  const { page, faults } = await open(browser, { size: DESKTOP, theme: 'dark' });
  await signIn(page, address);
  for (const [name, text] of [
    ['overview', '/articles'],
    ['requests', '/articles'],
    ['cache', 'allkeys-lru'],
    ['queues', 'celery'],
    ['integrations', 'PostgreSQL'],
  ]) {
    // As a link does it: the page keeps its place behind the hash.
    await page.evaluate((hash) => {
      location.hash = hash;
    }, name === 'overview' ? '#/' : `#/${name}`);
    await page.locator('main').getByText(text).first().waitFor();
    await page.screenshot({ path: join(out, `full-${name}.png`) });
  }
  assert.deepEqual(faults, []);
} finally {
  await browser.close();
}
