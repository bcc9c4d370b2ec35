// A dashboard as a person meets it: reading, changing, saving, and somebody else being faster.

import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/preact';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { lang } from '../i18n/index';
import { boardRowSample, boardSample, seeEverything, serve, widgetSample } from '../test/boards';
import { parse, route } from '../state/route';
import { session } from '../state/session';
import { toasts } from '../ui/toast';
import { clear, load } from '../live/fleet';
import { sample } from '../test/samples';
import { BoardsPage } from './list';
import { BoardPage } from './page';
import { boardRows } from './source';

beforeEach(() => {
  lang.value = 'en';
  clear();
  toasts.value = [];
  boardRows.value = null;
  session.value = { state: 'in', user: { username: 'marina', role: 'viewer' } };
  seeEverything();
  // happy-dom has no modal dialogs.
  HTMLDialogElement.prototype.showModal = function show(this: HTMLDialogElement) {
    this.setAttribute('open', '');
  };
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

async function open(hash: string): Promise<void> {
  route.value = parse(hash);
  location.hash = hash;
  render(<BoardPage />);
  await screen.findByRole('heading', { level: 1, name: 'Sales' });
}

const handle = (title: string) => screen.getByRole('button', { name: new RegExp(`^${title}, column`) });

describe('a dashboard', () => {
  it('shows its widgets in reading order, and offers no editing to whom it does not belong', async () => {
    serve({ 'GET api/v1/boards/sales': boardSample({ editable: false, owner: 'joao', mine: false }) });
    await open('#/d/sales');
    expect(screen.getAllByRole('heading', { level: 2 }).map(({ textContent }) => textContent)).toEqual([
      'Note',
      'Other',
    ]);
    const edit = screen.getByRole('button', { name: 'Edit' });
    expect([edit.hasAttribute('disabled'), edit.title]).toEqual([true, expect.stringContaining('joao')]);
  });

  it('says when it is not there', async () => {
    serve({});
    route.value = parse('#/d/gone');
    render(<BoardPage />);
    expect(await screen.findByText(/It does not exist, was deleted/)).toBeTruthy();
  });

  it('moves and resizes by keys, and saves what was changed with its revision', async () => {
    const asked = serve({
      'PUT api/v1/boards/sales': boardSample({ revision: 8 }),
      'GET api/v1/boards/sales': boardSample(),
    });
    await open('#/d/sales?edit=1');
    fireEvent.keyDown(handle('Note'), { key: 'ArrowDown' });
    fireEvent.keyDown(handle('Note'), { key: 'ArrowRight', shiftKey: true });
    fireEvent.click(screen.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(asked.some(({ method }) => method === 'PUT')).toBe(true));
    const body = asked.find(({ method }) => method === 'PUT')?.body as ReturnType<typeof boardSample>;
    expect(body.revision).toBe(7);
    expect(Object.keys(body).sort()).toEqual(['revision', 'shared', 'title', 'widgets']);
    const note = body.widgets.find(({ id }) => id === 'a');
    expect(note?.position).toEqual({ x: 0, y: 1, width: 5, height: 2 });
    // The other one made room.
    expect(body.widgets.find(({ id }) => id === 'b')?.position.y).toBe(3);
    await waitFor(() => expect(route.value.params.has('edit')).toBe(false));
  });

  it('takes a widget away and brings it back', async () => {
    serve({ 'GET api/v1/boards/sales': boardSample() });
    await open('#/d/sales?edit=1');
    fireEvent.click(screen.getByRole('button', { name: 'Remove Note' }));
    await waitFor(() => expect(document.querySelector('[data-widget="a"]')).toBeNull());
    toasts.value[0]?.action?.run();
    await waitFor(() => expect(document.querySelector('[data-widget="a"]')).not.toBeNull());
  });

  it('overwrites nothing when somebody else was faster, and keeps the draft as a copy', async () => {
    const asked = serve({
      'PUT api/v1/boards/sales': { status: 409, code: 'changed', detail: 'changed meanwhile' },
      'POST api/v1/boards': boardSample({ slug: 'sales-copy', title: 'Sales (copy)' }),
      'GET api/v1/boards/sales': boardSample(),
    });
    await open('#/d/sales?edit=1');
    fireEvent.keyDown(handle('Note'), { key: 'ArrowDown' });
    fireEvent.click(screen.getByRole('button', { name: 'Save' }));
    fireEvent.click(await screen.findByRole('button', { name: 'Save as a copy' }));
    await waitFor(() => expect(asked.some(({ method }) => method === 'POST')).toBe(true));
    const copy = asked.find(({ method }) => method === 'POST')?.body as ReturnType<typeof boardSample>;
    expect(copy.title).toBe('Sales (copy)');
    expect(copy.widgets.find(({ id }) => id === 'a')?.position.y).toBe(1);
    await waitFor(() => expect(location.hash).toContain('/d/sales-copy'));
  });

  it('asks before it is left with changes', async () => {
    serve({ 'GET api/v1/boards/sales': boardSample() });
    await open('#/d/sales?edit=1');
    fireEvent.keyDown(handle('Note'), { key: 'ArrowDown' });
    location.hash = '#/events';
    window.dispatchEvent(new Event('hashchange'));
    expect(await screen.findByText('The changes to this dashboard are lost.')).toBeTruthy();
    expect(route.value.path).toBe('/d/sales');
    fireEvent.click(await screen.findByRole('button', { name: 'Leave without saving' }));
    window.dispatchEvent(new Event('hashchange'));
    await waitFor(() => expect(route.value.path).toBe('/events'));
  });

  it('lets viewers see why they cannot share', async () => {
    serve({ 'GET api/v1/boards/sales': boardSample() });
    await open('#/d/sales?edit=1');
    const share = screen.getByRole('switch', { name: 'Share with everybody' });
    expect(share.hasAttribute('disabled')).toBe(true);
    expect(screen.getByText(/Sharing takes the role Admin/)).toBeTruthy();
  });

  it('says in each widget why there is nothing', async () => {
    load([sample(1)]);
    const one = (id: string, metric: string, resources: string[] = []) =>
      widgetSample({ id, title: id, widget_type: 'stat', config: { metrics: [metric], resources } });
    const widgets = [one('no', 'a.denied'), one('bad', 'a.broken'), one('nil', 'a.empty'), one('who', 'a.b', ['gone'])];
    serve({
      'GET api/v1/boards/sales': boardSample({ widgets }),
      'GET api/v1/query?metric=a.denied': { status: 403, detail: 'no' },
      'GET api/v1/query?metric=a.broken': { status: 500, detail: 'the store is full' },
      'GET api/v1/query?metric=a.empty': { from: 0, to: 1, step: 1000, tier: 'raw', series: [] },
    });
    await open('#/d/sales');
    expect(await screen.findByText('No permission')).toBeTruthy();
    expect(await screen.findByText('the store is full')).toBeTruthy();
    expect(await screen.findByText('No data in this range')).toBeTruthy();
    expect(await screen.findByText('Unknown resource')).toBeTruthy();
  });

  it('shows figures of series and of the collector', async () => {
    const widgets = [
      widgetSample({ id: 's', title: 'Sent', widget_type: 'stat', config: { metrics: ['messages_sent'] } }),
      widgetSample({ id: 'q', title: 'Queue', widget_type: 'stat', config: { metrics: ['q.len'], critical: 1000 } }),
      widgetSample({ id: 't', title: 'Table', widget_type: 'table', config: { metrics: ['q.len'] } }),
    ];
    const now = Date.now();
    const series = [
      {
        id: 1,
        resource: 1,
        metric: 'q.len',
        unit: '{task}',
        attributes: { queue: 'a' },
        points: [[now - 1_000, 1_200]],
      },
      { id: 2, resource: 1, metric: 'q.len', unit: '{task}', attributes: { queue: 'b' }, points: [[now - 1_000, 50]] },
    ];
    serve({
      'GET api/v1/boards/sales': boardSample({ widgets }),
      'GET api/v1/dashboard/metrics': {
        period: '1h',
        from: now - 3_600_000,
        to: now,
        step: 60_000,
        tenant_id: null,
        metrics: { messages_sent: { unit: '{message}', total: 24_812, points: [[now - 60_000, 400]] } },
      },
      'GET api/v1/query?metric=q.len': { from: now - 3_600_000, to: now, step: 10_000, tier: 'raw', series },
    });
    await open('#/d/sales');
    expect(await screen.findByText('24,812')).toBeTruthy();
    expect(await screen.findByText('1,250')).toBeTruthy();
    expect(await screen.findByText('Critical')).toBeTruthy();
    const rows = await screen.findAllByRole('row');
    expect(rows.map((row) => row.textContent)).toEqual(['NameValue', 'a1,200', 'b50']);
  });
});

describe('the list of dashboards', () => {
  it('tells one’s own from others’, and deletes after asking', async () => {
    const asked = serve({
      'DELETE api/v1/boards/sales': { status: 204 },
      'GET api/v1/boards': {
        boards: [
          boardRowSample(),
          boardRowSample({ slug: 'x', title: 'Costs', mine: false, editable: false, owner: 'joao' }),
        ],
      },
    });
    route.value = parse('#/boards');
    render(<BoardsPage />);
    expect(await screen.findByText('by joao')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Actions of Costs' }));
    expect(screen.queryByRole('menuitem', { name: 'Delete dashboard' })).toBeNull();
    fireEvent.click(screen.getByRole('button', { name: 'Actions of Sales' }));
    fireEvent.click(screen.getByRole('menuitem', { name: 'Delete dashboard' }));
    expect(asked.some(({ method }) => method === 'DELETE')).toBe(false);
    fireEvent.click(await screen.findByRole('button', { name: 'Delete dashboard' }));
    await waitFor(() => expect(boardRows.value?.map(({ slug }) => slug)).toEqual(['x']));
  });

  it('says what is wrong with a file', async () => {
    serve({ 'GET api/v1/boards': { boards: [] } });
    route.value = parse('#/boards');
    render(<BoardsPage />);
    await screen.findByText('No dashboard yet');
    const input = screen.getByLabelText('Import a dashboard from a JSON file', { selector: 'input' });
    for (const [text, fault] of [
      ['{', 'The file is not JSON.'],
      ['{"title":"x"}', /"farol_board": 1 is missing/],
    ] as const) {
      const file = new File([text], 'board.json');
      Object.defineProperty(input, 'files', { value: [file], configurable: true });
      fireEvent.change(input);
      await waitFor(() => expect(toasts.value.at(-1)?.text).toMatch(fault));
    }
  });
});
