// Cache and queues as a person meets them: figures, states, roles, and being asked before something is destroyed.

import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/preact';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { job } from '../cache/job';
import { CacheQuadrant } from '../cache/quadrant';
import { undoables } from '../cache/undo';
import { wish } from '../cache/wish';
import { lang } from '../i18n/index';
import { lastHeard, linkState } from '../live/feed';
import * as clock from '../live/clock';
import { QueuesQuadrant } from '../queues/quadrant';
import { parse, route } from '../state/route';
import { session } from '../state/session';
import { cacheSample, celerySample, rabbitSample } from '../test/cache';
import { configuredSample, notConfigured, statusSample } from '../test/outside';
import { toasts } from '../ui/toast';
import { CachePage } from './cache';
import { QueuesPage } from './queues';

type Body = Record<string, unknown>;
/** By the end of the path: an answer, or a function of what was sent that gives one. */
type Answers = Record<string, unknown>;

const sent: { path: string; body: Body }[] = [];

/** An answer that is no success. */
class Refused {
  constructor(
    readonly status: number,
    readonly body: unknown,
    readonly headers: Record<string, string> = {},
  ) {}
}

function answers(by: Answers): void {
  vi.stubGlobal('fetch', (address: string, init?: { body?: string }) => {
    const path = new URL(address).pathname;
    const body = init?.body === undefined ? {} : (JSON.parse(init.body) as Body);
    if (init?.body !== undefined) sent.push({ path, body });
    const found = Object.entries(by).find(([end]) => path.endsWith(end))?.[1];
    const answer: unknown = typeof found === 'function' ? (found as (body: Body) => unknown)(body) : found;
    if (answer instanceof Refused) {
      return Promise.resolve(
        new Response(JSON.stringify(answer.body), { status: answer.status, headers: answer.headers }),
      );
    }
    return Promise.resolve(
      answer === undefined
        ? new Response(JSON.stringify({ detail: 'the store is busy' }), { status: 503 })
        : new Response(JSON.stringify(answer)),
    );
  });
}

const COMMON: Answers = {
  '/api/v1/integrations': { now: 0, kinds: [] },
  '/api/v1/query': { from: 0, to: 60_000, step: 60_000, tier: '', series: [] },
  '/api/v1/audit': { entries: [], next: null },
  '/redis/metrics': cacheSample(),
};

const signIn = (role: string) => (session.value = { state: 'in', user: { username: 'marina', role } });
const button = (name: string | RegExp) => screen.getByRole<HTMLButtonElement>('button', { name });
const type = (label: string, value: string) => fireEvent.input(screen.getByLabelText(label), { target: { value } });

beforeEach(() => {
  lang.value = 'en';
  sent.length = 0;
  route.value = parse('#/cache');
  linkState.value = 'open';
  lastHeard.value = clock.now();
  job.value = null;
  undoables.value = [];
  toasts.value = [];
  wish.value = null;
  signIn('super_admin');
  HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement) {
    this.open = true;
  };
  // Charts are drawn by a browser; here nothing comes into sight.
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      observe = () => undefined;
      disconnect = () => undefined;
    },
  );
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

describe('the cache', () => {
  it('shows figures, and a dash for what is not known', async () => {
    answers({ ...COMMON, '/redis/metrics': cacheSample({ connected_clients: null }) });
    render(<CachePage />);
    await waitFor(() => expect(screen.getByText('48,212')).toBeTruthy());
    expect(screen.getByRole('img', { name: /97.4%/ })).toBeTruthy();
    expect(screen.getByText('Clients').nextElementSibling?.textContent).toBe('—');
    expect(screen.getByText(/fragmentation 1.08/)).toBeTruthy();
  });

  it('says nothing of fragmentation where it means nothing', async () => {
    answers({ ...COMMON, '/redis/metrics': cacheSample({ used_memory: 3_000_000, fragmentation_ratio: 4.9 }) });
    render(<CachePage />);
    await waitFor(() => expect(screen.getByText('48,212')).toBeTruthy());
    expect(screen.queryByText(/fragmentation/)).toBeNull();
  });

  it('says how it is set up, waits, or why it fails', async () => {
    answers({ ...COMMON, '/redis/metrics': notConfigured('redis') });
    const { unmount } = render(<CachePage />);
    await waitFor(() => expect(screen.getByText('[[redis]]')).toBeTruthy());
    unmount();
    const failing = statusSample({
      state: 'unreachable',
      last_error: { code: 'unreachable', http_status: null, message: 'refused by 10.0.0.5', at: 0 },
    });
    answers({ ...COMMON, '/redis/metrics': configuredSample('redis', { as_of: null, status: failing }) });
    const second = render(<CachePage />);
    await waitFor(() => expect(screen.getByText('refused by 10.0.0.5')).toBeTruthy());
    second.unmount();
    const pending = statusSample({ state: 'pending' });
    answers({ ...COMMON, '/redis/metrics': configuredSample('redis', { as_of: null, status: pending }) });
    render(<CachePage />);
    await waitFor(() => expect(screen.getByText('The first answer appears here by itself.')).toBeTruthy());
  });

  it('names the line that allows actions where they are not allowed', async () => {
    answers({ ...COMMON, '/redis/metrics': cacheSample({ allow_actions: false }) });
    render(<CachePage />);
    await waitFor(() => expect(screen.getByText('allow_actions = true')).toBeTruthy());
    expect(screen.queryByRole('button', { name: /Clear entire cache/ })).toBeNull();
  });

  it.each([
    ['viewer', [true, true, true]],
    ['operator', [false, true, true]],
    ['admin', [false, false, true]],
    ['super_admin', [false, false, false]],
  ])('lets a %s do what the role may', async (role, isLocked) => {
    signIn(role);
    answers(COMMON);
    render(<CachePage />);
    await waitFor(() => expect(screen.getByLabelText('Key')).toBeTruthy());
    const fields = ['Key', 'Pattern'].map((label) => screen.getByLabelText<HTMLInputElement>(label).disabled);
    expect([...fields, button(/Clear entire cache/).disabled]).toEqual(isLocked);
    expect(screen.queryAllByText(/^Needs the/).length > 0).toBe(isLocked.some(Boolean));
    expect(screen.queryByText('Only Admins see the audit log') !== null).toBe(isLocked[1]);
  });

  it('shows a key with masked fields, one of which can be asked for', async () => {
    const found = (body: Body) => ({
      instance: 'main',
      key: 'session:1',
      db: 0,
      type: 'hash',
      exists: true,
      ttl_ms: null,
      memory: 1_946,
      encoding: 'listpack',
      size: 2,
      format: 'json',
      value: { id: 7, email: body['unmask'] === undefined ? '••••' : 'ana@example.test' },
      raw: null,
      masked: body['unmask'] === undefined ? ['email'] : [],
      is_cut: false,
    });
    answers({ ...COMMON, '/inspect_key': found });
    render(<CachePage />);
    await waitFor(() => expect(screen.getByLabelText('Key')).toBeTruthy());
    type('Key', 'session:1');
    fireEvent.click(button('Inspect'));
    await waitFor(() => expect(screen.getByText('listpack')).toBeTruthy());
    expect(screen.getByText('no expiry')).toBeTruthy();
    expect(screen.queryByText(/ana@example/)).toBeNull();
    fireEvent.click(button('show email'));
    await waitFor(() => expect(screen.getByText('"ana@example.test"')).toBeTruthy());
    expect(sent.at(-1)?.body).toEqual({ instance: 'main', key: 'session:1', unmask: ['email'] });
  });
});

describe('deleting by pattern', () => {
  const preview = (count: number) => ({ count, is_cut: false, examples: ['a:1'], bytes_estimate: 10, took_ms: 4 });

  async function ask(): Promise<void> {
    render(<CachePage />);
    await waitFor(() => expect(screen.getByLabelText('Pattern')).toBeTruthy());
    expect(button('Dry run first').disabled).toBe(true);
    type('Pattern', 'a:*');
    fireEvent.click(button('Dry run'));
    await waitFor(() => expect(screen.getByText(/keys? match/)).toBeTruthy());
    fireEvent.click(button(/^Delete .* keys?…$/));
  }

  it('wants no name for a few, and offers the way back', async () => {
    answers({
      ...COMMON,
      '/del_key': (body: Body) => (body['preview'] === true ? preview(3) : { state: 'done', deleted: 3, undo: 'u1' }),
    });
    await ask();
    fireEvent.click(button('Delete 3 keys'));
    await waitFor(() => expect(undoables.value[0]?.undo).toBe('u1'));
    expect(sent.at(-1)?.body).toEqual({ instance: 'main', pattern: 'a:*', expected: 3, confirm: 'main' });
    expect(toasts.value[0]?.text).toBe('3 keys of main deleted.');
    expect(screen.getByText(/can be undone until/)).toBeTruthy();
  });

  it('wants the name for many, asks again when the count has changed, shows progress and stops', async () => {
    let count = 3_412;
    let state = 'running';
    answers({
      ...COMMON,
      '/del_key': (body: Body) => {
        if (body['preview'] === true) return preview(count);
        return body['expected'] === count ? { job: 'j1' } : new Refused(409, { detail: 'changed' });
      },
      '/actions/j1/cancel': () => {
        state = 'cancelled';
        return {};
      },
      '/actions/j1': () => ({ state, scanned: 5_000, deleted: 1_500, total: 5_000, undo: null }),
    });
    await ask();
    const act = () => button(/^Delete .* keys$/);
    expect(act().disabled).toBe(true);
    const name = within(screen.getByRole('dialog')).getByLabelText<HTMLInputElement>(/to confirm/);
    fireEvent.input(name, { target: { value: 'mai' } });
    expect(act().disabled).toBe(true);
    fireEvent.input(name, { target: { value: 'main' } });
    expect(act().disabled).toBe(false);
    count = 5_000;
    fireEvent.click(act());
    await waitFor(() => expect(screen.getByText(/changed from 3,412 to 5,000/)).toBeTruthy());
    await waitFor(() => expect(act().disabled).toBe(true));
    expect(act().textContent).toBe('Delete 5,000 keys');
    fireEvent.input(name, { target: { value: 'main' } });
    fireEvent.click(act());
    await waitFor(() => expect(screen.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('1500'));
    fireEvent.click(button('Stop'));
    await waitFor(() => expect(toasts.value.at(-1)?.text).toContain('Stopped before the end'), { timeout: 3_000 });
    expect(screen.queryByRole('progressbar')).toBeNull();
  });
});

describe('emptying the cache', () => {
  it('takes the numbers of the moment, the name, a reason, and says what a refusal says', async () => {
    let isRefused = true;
    answers({
      ...COMMON,
      '/flushall': () =>
        isRefused
          ? new Refused(429, { detail: 'too soon' }, { 'retry-after': '30' })
          : { state: 'done', keys_before: 48_212, keys_after: 0 },
    });
    render(<CachePage />);
    await waitFor(() => expect(button(/Clear entire cache/)).toBeTruthy());
    fireEvent.click(button(/Clear entire cache/));
    await waitFor(() => expect(button('Clear 48,212 keys').disabled).toBe(true));
    expect(screen.getByText(/48,212 keys in 2 databases/)).toBeTruthy();
    fireEvent.input(within(screen.getByRole('dialog')).getByLabelText(/to confirm/), { target: { value: 'main' } });
    type('Reason (goes to the audit log)', 'old keys');
    fireEvent.click(button('Clear 48,212 keys'));
    await waitFor(() => expect(screen.getByText(/wait 30/)).toBeTruthy());
    isRefused = false;
    fireEvent.click(button('Clear 48,212 keys'));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    expect(sent.at(-1)?.body).toEqual({ instance: 'main', confirm: 'main', reason: 'old keys' });
    expect(toasts.value.at(-1)?.text).toBe('48,212 keys of main erased.');
  });
});

describe('queues', () => {
  it('shows what waits, who works, what fails, and alarms', async () => {
    answers({ ...COMMON, '/v1/celery': celerySample(), '/v1/queues': rabbitSample() });
    render(<QueuesPage />);
    await waitFor(() => expect(document.querySelector('[data-queue="dead"]')).toBeTruthy());
    expect(screen.getByText('12,480')).toBeTruthy();
    expect(screen.getByText('celery@one')).toBeTruthy();
    expect(screen.getByText('Boom')).toBeTruthy();
    expect(screen.getByText(/disk alarm on rabbit@a/)).toBeTruthy();
    expect(screen.getByText('Priorities are on.')).toBeTruthy();
    expect(document.querySelector('[data-queue="reports"] .n')?.textContent).toBe('—');
  });

  it('draws only the rows in sight of many', async () => {
    const queues = Array.from({ length: 400 }, (_, i) => ({ ...rabbitSample().queues?.[0], name: `q${i}` }));
    answers({ ...COMMON, '/v1/celery': notConfigured('celery'), '/v1/queues': { ...rabbitSample(), queues } });
    render(<QueuesPage />);
    await waitFor(() => expect(document.querySelector('[data-queue]')).toBeTruthy());
    expect(document.querySelectorAll('[data-queue]').length).toBeLessThan(60);
    expect(document.querySelector('table[aria-rowcount="401"]')).toBeTruthy();
  });

  it('says how either is connected where none is', async () => {
    answers({ ...COMMON, '/v1/celery': notConfigured('celery'), '/v1/queues': notConfigured('rabbitmq') });
    render(<QueuesPage />);
    await waitFor(() => expect(screen.getByText('[[celery]]')).toBeTruthy());
    expect(screen.getByText('[[rabbitmq]]')).toBeTruthy();
  });
});

describe('the quadrants of the overview', () => {
  it('lead to the page with what is wanted, outside of the address', async () => {
    answers(COMMON);
    render(<CacheQuadrant />);
    await waitFor(() => expect(screen.getByLabelText('Key')).toBeTruthy());
    type('Key', 'session:1');
    fireEvent.click(button('Inspect'));
    expect(wish.value).toEqual({ kind: 'inspect', instance: 'main', key: 'session:1' });
    expect(location.hash).toBe('#/cache?instance=redis%3Amain');
  });

  it('show tasks, or how to connect them', async () => {
    answers({ ...COMMON, '/v1/celery': celerySample(), '/v1/queues': notConfigured('rabbitmq') });
    const { unmount } = render(<QueuesQuadrant />);
    await waitFor(() => expect(screen.getByText('1,250')).toBeTruthy());
    expect(screen.getByText('above 1,000')).toBeTruthy();
    unmount();
    answers({ ...COMMON, '/v1/celery': notConfigured('celery'), '/v1/queues': notConfigured('rabbitmq') });
    render(<QueuesQuadrant />);
    await waitFor(() => expect(screen.getByRole('link', { name: 'Connect RabbitMQ' })).toBeTruthy());
  });
});
