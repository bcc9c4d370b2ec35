// The export dialog: what it asks for, what it says beforehand, and where the file comes from.

import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/preact';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { lang } from '../i18n/index';
import * as clock from '../live/clock';
import { clear, load } from '../live/fleet';
import { parse, route } from '../state/route';
import { serve } from '../test/boards';
import { sample } from '../test/samples';
import { ExportDialog } from './dialog';
import { apiCall } from './form';
import { clockSpan } from './period';
import { exportWish } from './wish';
import { offsetText } from './zone';

beforeEach(() => {
  lang.value = 'en';
  clear();
  clock.reset();
  load([sample(1)]);
  route.value = parse('#/requests');
  HTMLDialogElement.prototype.showModal = function show(this: HTMLDialogElement) {
    this.setAttribute('open', '');
  };
});

afterEach(() => {
  cleanup();
  exportWish.value = null;
  vi.unstubAllGlobals();
});

const series = (metric: string) => ({ id: 1, resource: 1, metric, unit: '1', kind: 'gauge', attributes: {} });

it('begins with what the page is about, says the size, and leads to the same file', async () => {
  const asked = serve({
    'GET api/v1/export/size': { series: 2, rows: 6_480, bytes: 421_888 },
    'GET api/v1/series': { series: [series('http.server.request.rate'), series('system.cpu.time')], truncated: false },
  });
  exportWish.value = {};
  render(<ExportDialog />);
  expect(await screen.findByText('6,480 rows')).toBeTruthy();
  expect(screen.getByText(/412 KiB/)).toBeTruthy();
  const link = await screen.findByRole('link', { name: 'Download CSV' });
  const file = new URL(link.getAttribute('href') ?? '');
  expect(file.pathname).toMatch(/\/api\/v1\/export$/);
  expect(file.searchParams.get('metric')).toBe('http.server.request.rate');
  const size = asked.findLast(({ path }) => path.startsWith('api/v1/export/size'));
  // The count and the file ask for the same.
  expect(size?.path.split('?')[1]).toBe(file.search.slice(1));
});

it('writes JSON without a decimal sign, and says the same call', async () => {
  serve({ 'GET api/v1/export/size': { series: 1, rows: 1, bytes: 100 }, 'GET api/v1/series': { series: [] } });
  exportWish.value = { title: 'Memory', metrics: ['memory'], resources: [1] };
  render(<ExportDialog />);
  fireEvent.click(await screen.findByRole('button', { name: 'NDJSON' }));
  const link = await screen.findByRole('link', { name: 'Download NDJSON' });
  const { searchParams } = new URL(link.getAttribute('href') ?? '');
  expect([searchParams.get('format'), searchParams.get('decimal'), searchParams.get('layout')]).toEqual([
    'ndjson',
    null,
    null,
  ]);
  expect(searchParams.get('resource')).toBe('1');
  expect(document.querySelector('.command pre')?.textContent).toContain(link.getAttribute('href'));
});

it('offers nothing to download where there is nothing', async () => {
  serve({ 'GET api/v1/export/size': { series: 0, rows: 0, bytes: 0 }, 'GET api/v1/series': { series: [] } });
  exportWish.value = { metrics: ['memory'] };
  render(<ExportDialog />);
  await screen.findByText(/No rows/);
  await waitFor(() => expect(screen.getByRole('button', { name: 'Download CSV' }).hasAttribute('disabled')).toBe(true));
});

it('says a refused question in its words', async () => {
  serve({
    'GET api/v1/export/size': { status: 400, detail: 'step: is too short' },
    'GET api/v1/series': { series: [] },
  });
  exportWish.value = { metrics: ['memory'] };
  render(<ExportDialog />);
  expect(await screen.findByText('Could not count: step: is too short')).toBeTruthy();
});

it('keeps a quote in a name inside its argument', () => {
  expect(apiCall("https://farol.test/api/v1/export?metric=a'b", 'csv', 'TOKEN')).toBe(
    "curl -H 'Authorization: Bearer TOKEN' \\\n  'https://farol.test/api/v1/export?metric=a%27b' \\\n  -o farol.csv",
  );
});

it('tells zones as offsets, and periods in whole seconds', () => {
  expect([offsetText(-180), offsetText(330), offsetText(0)]).toEqual(['-03:00', '+05:30', '+00:00']);
  expect(clockSpan({ kind: 'last', text: '1h' }, 3_600_999)).toEqual({ from: 0, to: 3_600_000 });
});
