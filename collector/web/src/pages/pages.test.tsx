// Pages as a person meets them: signing in, the verdict in words, the first run.

import { cleanup, render, screen, waitFor } from '@testing-library/preact';
import { fireEvent } from '@testing-library/preact';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { lang } from '../i18n/index';
import { lastHeard, linkState } from '../live/feed';
import * as clock from '../live/clock';
import { clear, load } from '../live/fleet';
import { VerdictCard } from '../overview/verdict';
import { rows } from '../overview/table';
import { parse, route } from '../state/route';
import { session } from '../state/session';
import { latest, sample } from '../test/samples';
import { sparkPath } from '../ui/parts';
import { SignIn } from './access';
import { firstCommands } from './overview';

beforeEach(() => {
  lang.value = 'en';
  clear();
  route.value = parse('#/');
  linkState.value = 'open';
  lastHeard.value = clock.now();
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function answer(status: number, body: unknown, headers: Record<string, string> = {}): void {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify(body), { status, headers })));
}

function signIn(): void {
  render(<SignIn />);
  fireEvent.input(screen.getByLabelText('Username'), { target: { value: 'marina' } });
  fireEvent.input(screen.getByLabelText('Password'), { target: { value: 'wrong' } });
  fireEvent.submit(screen.getByRole('button', { name: 'Sign in' }).closest('form') ?? document.body);
}

describe('signing in', () => {
  it('says that name or password do not match', async () => {
    answer(401, { detail: 'x' });
    signIn();
    await waitFor(() => expect(screen.getByText('Username or password do not match.')).toBeTruthy());
    expect(screen.getByLabelText('Password').getAttribute('aria-invalid')).toBe('true');
  });

  it('says how long to wait after too many attempts', async () => {
    answer(429, { detail: 'x' }, { 'retry-after': '30' });
    signIn();
    await waitFor(() => expect(screen.getByText(/Wait 30/)).toBeTruthy());
  });

  it('lets the person in', async () => {
    answer(200, { user: { username: 'marina', role: 'viewer' } });
    signIn();
    await waitFor(() => expect(session.value.state).toBe('in'));
  });

  it('changes its language without a reload', async () => {
    session.value = { state: 'out', setupRequired: false };
    render(<SignIn />);
    fireEvent.click(screen.getByTitle('Português (Brasil)'));
    await waitFor(() => expect(screen.getByRole('heading', { name: 'Entrar' })).toBeTruthy());
  });
});

describe('the verdict', () => {
  const word = () => document.querySelector('[data-verdict]')?.getAttribute('data-verdict');

  it('is green when everything is well', () => {
    load([sample(1), sample(2)]);
    render(<VerdictCard />);
    expect([word(), screen.getByText('ONLINE').textContent]).toEqual(['ok', 'ONLINE']);
    expect(screen.getByText(/All 2 resources send data/)).toBeTruthy();
  });

  it('is red and says why', () => {
    load([
      sample(1),
      sample(2, {
        status: 'critical',
        reasons: [{ code: 'memory_high', value: 0.972, threshold: 0.95, detail: null }],
        latest: latest({ memory_ratio: 0.972 }),
      }),
    ]);
    render(<VerdictCard />);
    expect(word()).toBe('crit');
    expect(screen.getByText(/memory at 97.2% of its limit \(above 95%\)/)).toBeTruthy();
    expect(screen.getByRole('link', { name: 'web-2' }).getAttribute('href')).toBe('#/resource/2');
  });

  it('is unknown before anything was sent', () => {
    load([]);
    render(<VerdictCard />);
    expect(word()).toBe('unk');
    expect(screen.getByText('No agent has sent data yet')).toBeTruthy();
  });
});

describe('the table', () => {
  const ids = () => rows.value.map((resource) => resource.id);

  it('puts the worst first and finds by words', () => {
    load([
      sample(1),
      sample(2, { status: 'warning' }),
      sample(3, { status: 'silent' }),
      sample(4, { kind: 'container', parent: 1 }),
    ]);
    expect(ids()).toEqual([3, 2, 1, 4]);
    route.value = parse('#/?kind=container');
    expect(ids()).toEqual([4]);
    route.value = parse('#/?q=web-2');
    expect(ids()).toEqual([2]);
    route.value = parse('#/?sort=-name');
    expect(ids()).toEqual([4, 3, 2, 1]);
  });
});

it('names this collector in the command that adds a machine', () => {
  expect(firstCommands('TOKEN', 'https://example.test/farol/')[1]).toBe(
    'FAROL_COLLECTOR_URL=https://example.test/farol FAROL_TOKEN=TOKEN farol-agent run',
  );
});

it('breaks a sparkline where data is missing', () => {
  expect(sparkPath([0, 1, NaN, NaN, 1], 0, 1, 24).match(/M/g)).toHaveLength(2);
  expect(sparkPath([], 0, 1, 24)).toBe('');
});
