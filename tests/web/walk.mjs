// Signs in at the address that is given and walks every page of the sidebar: `node walk.mjs https://host/farol/`.
// Ends with an error when a request fails, leaves the path of the address, or the console complains.

import { launch, open, submit } from './browser.mjs';
import { PASSWORD, until } from './programs.mjs';

const [url] = process.argv.slice(2);
const home = new URL(url);
const browser = await launch();
try {
  const { page, faults } = await open(browser, { ignoreHTTPSErrors: true });
  let isSignedIn = false;
  page.on('request', (request) => {
    const to = new URL(request.url());
    if (!['http:', 'https:'].includes(to.protocol)) return;
    const isOurs = to.host === home.host && to.pathname.startsWith(home.pathname);
    // The first step: the address without its last slash.
    if (!isOurs && to.pathname !== home.pathname.replace(/\/$/, '')) faults.push(`left the path: ${request.url()}`);
  });
  page.on('websocket', (socket) => {
    const to = new URL(socket.url());
    if (to.protocol !== 'wss:' || !to.pathname.startsWith(home.pathname)) faults.push(`socket: ${socket.url()}`);
  });
  page.on('requestfailed', (request) => {
    // A page that is left gives up its questions.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED')
      faults.push(`failed: ${request.url()} ${request.failure()?.errorText}`);
  });
  page.on('response', (response) => {
    const isAsking = !isSignedIn && response.url().endsWith('/api/auth/me');
    if (response.status() >= 400 && !isAsking) faults.push(`${response.status()}: ${response.url()}`);
  });

  await page.goto(url.replace(/\/$/, '') || url);
  await page.locator('#username').fill('admin');
  await page.locator('#password').fill(PASSWORD);
  await submit(page).click();
  await page.locator('[data-contact="live"]').waitFor();
  isSignedIn = true;
  const [cookie] = (await page.context().cookies()).filter(({ name }) => name === 'farol_session');
  if (cookie?.path !== home.pathname) faults.push(`the cookie holds for ${cookie?.path}`);

  const links = await page.locator('aside nav a[href^="#/"]').evaluateAll((all) => all.map((one) => one.hash));
  const more = [
    '#/settings/users',
    '#/settings/tokens',
    '#/settings/audit',
    '#/alerts/history',
    '#/rules',
    '#/silences',
    '#/channels',
  ];
  const places = [...new Set([...links, ...more])];
  for (const place of places) {
    await page.evaluate((to) => {
      location.hash = to;
    }, place);
    await page.locator('main h1').waitFor();
    await page.waitForLoadState('networkidle');
    await until(`${place} without a placeholder`, async () => (await page.locator('main .sk').count()) === 0);
    if ((await page.getByText(/could not be loaded|não pôde ser carregad/).count()) > 0)
      faults.push(`${place} did not load`);
  }
  // A place by its address, and a reload there.
  await page.goto(`${url}monitoring`);
  await page.waitForURL(`${url}#/monitoring`);
  await page.reload();
  await page.locator('[data-contact="live"]').waitFor();

  if (places.length < 12) faults.push(`only ${places.length} pages: ${places}`);
  if (faults.length > 0) {
    console.error(faults.join('\n'));
    process.exitCode = 1;
  } else console.log(`${places.length} pages walked at ${url}`);
} finally {
  await browser.close();
}
