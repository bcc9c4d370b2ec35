// The settings as those who administer meet them: tabs by role, people, tokens shown once, the audit log.

import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/preact';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { enSettings } from '../i18n/en-settings';
import { lang } from '../i18n/index';
import { ptSettings } from '../i18n/pt-settings';
import { parse, route } from '../state/route';
import { session } from '../state/session';
import {
  agentTokenSample,
  apiTokenSample,
  auditSample,
  enter,
  meSample,
  problem,
  serve,
  userSample,
  type Asked,
} from '../test/access';
import { midnight, particulars } from './audit';
import { SettingsPage } from './page';
import { made } from './password';

beforeEach(() => {
  lang.value = 'en';
  enter('super_admin');
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function visit(hash: string, answers: Record<string, unknown>): Asked[] {
  const asked = serve({ 'GET /api/auth/me': meSample(), ...answers });
  route.value = parse(hash);
  render(<SettingsPage />);
  return asked;
}

const type = (label: string, value: string) => fireEvent.input(screen.getByLabelText(label), { target: { value } });
const choose = (label: string, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } });
const press = (name: string) => fireEvent.click(screen.getByRole('button', { name }));
const inDialog = () => within(screen.getByRole('dialog'));
const send = (name: string) =>
  fireEvent.submit(inDialog().getByRole('button', { name }).closest('form') ?? document.body);
const shown = (name: string) => waitFor(() => expect(screen.getByRole('button', { name })).toBeTruthy());

describe('tabs', () => {
  it('leaves out what the role may not see', async () => {
    enter('viewer');
    visit('#/settings/account', { 'GET /api/auth/sessions': { sessions: [] } });
    const tabs = within(screen.getByRole('navigation', { name: 'Parts of the settings' }));
    expect(tabs.getAllByRole('link').map((tab) => tab.textContent)).toEqual(['My account', 'Tokens & agents']);
    await waitFor(() => expect(screen.getByText('every tenant')).toBeTruthy());
  });

  it('tells who follows a link to a locked part which role it takes', () => {
    enter('operator');
    visit('#/settings/users', {});
    expect(screen.getByText('Your role does not see this part')).toBeTruthy();
    expect(screen.getByText(/Needs the Super admin role. Yours is Operator/)).toBeTruthy();
  });

  it('keeps what is about the whole house from who is bound to a tenant', async () => {
    session.value = { state: 'in', user: { username: 'marina', role: 'admin', tenant: 'acme' } };
    const asked = visit('#/settings/tokens', {
      'GET /api/auth/me': meSample({ role: 'admin', tenant: 'acme' }),
      'GET /api/v1/api-tokens': { tokens: [] },
    });
    await waitFor(() => expect(screen.getByText('No API token')).toBeTruthy());
    expect(screen.getByText(/bound to tenant acme/)).toBeTruthy();
    expect(screen.queryByRole('link', { name: 'Audit log' })).toBeNull();
    expect(asked.some(({ path }) => path === '/api/v1/tokens')).toBe(false);
  });

  it('says what failed and asks again', async () => {
    let tries = 0;
    visit('#/settings/users', {
      'GET /api/v1/users': () => {
        tries += 1;
        return tries === 1 ? problem(503, null, 'the store is busy') : { users: [userSample()] };
      },
    });
    await waitFor(() => expect(screen.getByText('the store is busy')).toBeTruthy());
    press('Retry now');
    await waitFor(() => expect(screen.getByText('tiago')).toBeTruthy());
  });
});

describe('people', () => {
  const PEOPLE = {
    'GET /api/v1/users': { users: [userSample({ username: 'marina', role: 'super_admin' }), userSample()] },
  };

  it('creates one and shows the password once', async () => {
    const asked = visit('#/settings/users', {
      ...PEOPLE,
      'POST /api/v1/users': { user: userSample({ username: 'joana' }), password: 'made-by-the-collector' },
    });
    await shown('New person');
    press('New person');
    type('Username', 'joana');
    choose('Role', 'operator');
    type('Tenant', 'acme');
    send('Create account');
    await waitFor(() => expect(screen.getByText('made-by-the-collector')).toBeTruthy());
    expect(asked.find(({ method }) => method === 'POST')?.body).toEqual({
      username: 'joana',
      role: 'operator',
      tenant: 'acme',
    });
    await shown('I have kept it');
    press('I have kept it');
    await waitFor(() => expect(screen.queryByText('made-by-the-collector')).toBeNull());
  });

  it('says that a name is taken', async () => {
    visit('#/settings/users', { ...PEOPLE, 'POST /api/v1/users': problem(409, 'exists') });
    await shown('New person');
    press('New person');
    type('Username', 'tiago');
    send('Create account');
    await waitFor(() => expect(screen.getByText('This name is in use already.')).toBeTruthy());
  });

  it('sends only what was changed, and unbinds with null', async () => {
    const asked = visit('#/settings/users', { ...PEOPLE, 'PATCH /api/v1/users/tiago': userSample() });
    await shown('Edit tiago');
    press('Edit tiago');
    expect(inDialog().getByRole('button', { name: 'Save' }).hasAttribute('disabled')).toBe(true);
    type('Tenant', '');
    send('Save');
    await waitFor(() => expect(asked.find(({ method }) => method === 'PATCH')?.body).toEqual({ tenant: null }));
  });

  it('explains why the last super admin stays', async () => {
    visit('#/settings/users', { ...PEOPLE, 'PATCH /api/v1/users/marina': problem(409, 'last_super_admin') });
    await shown('Edit marina');
    press('Edit marina');
    expect(inDialog().getByRole('button', { name: 'Delete account…' }).hasAttribute('disabled')).toBe(true);
    choose('Role', 'viewer');
    send('Save');
    await waitFor(() => expect(screen.getByText(/only active super admin/)).toBeTruthy());
  });

  it('names whom it deletes, with the focus on keeping', async () => {
    const asked = visit('#/settings/users', { ...PEOPLE, 'DELETE /api/v1/users/tiago': null });
    await shown('Edit tiago');
    press('Edit tiago');
    press('Delete account…');
    expect(screen.getByText('Delete the account of tiago?')).toBeTruthy();
    await waitFor(() => expect(document.activeElement?.textContent).toBe('Keep tiago'));
    send('Delete tiago');
    await waitFor(() => expect(asked.some(({ method }) => method === 'DELETE')).toBe(true));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  });

  it('makes up a password for somebody and shows what it sent', async () => {
    const asked = visit('#/settings/users', { ...PEOPLE, 'PATCH /api/v1/users/tiago': userSample() });
    await shown('Edit tiago');
    press('Edit tiago');
    press('Generate new password…');
    send('Generate password');
    await waitFor(() => expect(screen.getByRole('button', { name: 'I have kept it' })).toBeTruthy());
    const sent = String(asked.find(({ method }) => method === 'PATCH')?.body['password']);
    expect(sent).toMatch(/^[a-zA-Z2-9]{20}$/);
    expect(screen.getByText(sent)).toBeTruthy();
  });
});

it('makes up passwords of letters that nobody mistakes, never twice the same', () => {
  const all = Array.from({ length: 50 }, made);
  expect(new Set(all).size).toBe(50);
  for (const one of all) expect(one).toMatch(/^[^0Oo1lI]{20}$/);
});

describe('tokens', () => {
  const TOKENS = {
    'GET /api/v1/tokens': { tokens: [agentTokenSample({ id: 2, name: 'old', revoked: 1 }), agentTokenSample()] },
    'GET /api/v1/api-tokens': { tokens: [apiTokenSample()] },
  };

  it('shows a new agent token once, with what to run', async () => {
    const asked = visit('#/settings/tokens', {
      ...TOKENS,
      'POST /api/v1/tokens': { ...agentTokenSample(), token: 'farol-secret' },
    });
    await waitFor(() => expect(document.querySelectorAll('[data-token]').length).toBe(2));
    expect(document.querySelector('[data-token]')?.getAttribute('data-token')).toBe('production');
    fireEvent.click(screen.getAllByRole('button', { name: 'New token' })[0] ?? document.body);
    type('Name', 'vm-sp-05');
    type('Environment', 'staging');
    send('Create token');
    await shown('I have kept it');
    expect(screen.getByText('farol-secret')).toBeTruthy();
    expect(inDialog().getByText(/FAROL_COLLECTOR_URL=\S+ FAROL_TOKEN=farol-secret farol-agent run/)).toBeTruthy();
    expect(asked.find(({ method }) => method === 'POST')?.body).toEqual({ name: 'vm-sp-05', environment: 'staging' });
  });

  it('says what stops before it revokes', async () => {
    const asked = visit('#/settings/tokens', { ...TOKENS, 'DELETE /api/v1/tokens/1': null });
    await shown('Revoke production');
    expect(screen.queryByRole('button', { name: 'Revoke old' })).toBeNull();
    press('Revoke production');
    expect(screen.getByText('The agents that use it stop delivering data')).toBeTruthy();
    send('Revoke token');
    await waitFor(() => expect(asked.some(({ method }) => method === 'DELETE')).toBe(true));
  });

  it('offers an API token no more than the own role', async () => {
    enter('operator');
    const asked = visit('#/settings/tokens', {
      ...TOKENS,
      'POST /api/v1/api-tokens': { ...apiTokenSample(), token: 'farol-api-secret' },
    });
    await shown('Revoke spreadsheet');
    expect(screen.getByText('Only admins see the agent tokens')).toBeTruthy();
    expect(asked.some(({ path }) => path === '/api/v1/tokens')).toBe(false);
    expect(screen.queryByRole('button', { name: 'All' })).toBeNull();
    press('New token');
    const roles = [...screen.getByLabelText('Role').querySelectorAll('option')].map((one) => one.textContent);
    expect(roles).toEqual(['Viewer', 'Operator']);
    type('Name', 'script');
    choose('Valid for', '30');
    send('Create token');
    await waitFor(() => expect(screen.getByText('farol-api-secret')).toBeTruthy());
    expect(asked.find(({ method }) => method === 'POST')?.body).toEqual({
      name: 'script',
      role: 'viewer',
      expires_in_days: 30,
    });
  });

  it('warns of an end that comes soon, and shows those of all to who administers', async () => {
    const asked = visit('#/settings/tokens', TOKENS);
    await waitFor(() => expect(screen.getByText(/in 3.d/)).toBeTruthy());
    press('All');
    await waitFor(() => expect(asked.at(-1)?.url.searchParams.get('all')).toBe('true'));
  });
});

describe('the audit log', () => {
  const page = (from: number, next: string | null) => ({
    entries: [auditSample({ id: from }), auditSample({ id: from - 1, action: 'redis.flush_all', target: 'main' })],
    next,
  });

  it('goes on where a page ended', async () => {
    const asked = visit('#/settings/audit', {
      'GET /api/v1/audit': ({ url }: Asked) => (url.searchParams.has('before') ? page(9, null) : page(12, '11')),
    });
    await shown('Load more');
    press('Load more');
    await waitFor(() => expect(document.querySelectorAll('[data-action]').length).toBe(4));
    expect(asked.at(-1)?.url.searchParams.get('before')).toBe('11');
    expect(screen.queryByRole('button', { name: 'Load more' })).toBeNull();
  });

  it('filters by the address, and its files hold the same', async () => {
    const asked = visit('#/settings/audit?action=user.create&person=marina&since=2026-03-01&until=2026-03-02', {
      'GET /api/v1/audit': page(12, null),
    });
    await waitFor(() => expect(document.querySelectorAll('[data-action]').length).toBe(2));
    const params = asked.at(-1)?.url.searchParams;
    const day = (date: number) => String(new Date(2026, 2, date).getTime());
    expect(['action', 'username', 'from', 'to'].map((name) => params?.get(name))).toEqual([
      'user.create',
      'marina',
      day(1),
      day(3),
    ]);
    const link = new URL(screen.getByRole('link', { name: 'CSV' }).getAttribute('href') ?? '');
    expect(link.pathname).toBe('/api/v1/audit/export');
    expect([link.searchParams.get('format'), link.searchParams.get('to')]).toEqual(['csv', day(3)]);
  });

  it('opens the particulars of a line', async () => {
    visit('#/settings/audit', { 'GET /api/v1/audit': page(12, null) });
    await shown('Details of line 12');
    press('Details of line 12');
    expect(screen.getByText('192.0.2.7')).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Details of line 12' }).getAttribute('aria-expanded')).toBe('true');
  });

  it('reads days as whole days here, and nothing else', () => {
    expect(midnight('2026-03-12')).toBe(new Date(2026, 2, 12).getTime());
    expect(midnight('2026-12-31', 1)).toBe(new Date(2027, 0, 1).getTime());
    for (const text of [null, '', 'today', '2026-3-1', '2026-03-12T00:00']) expect(midnight(text)).toBeNull();
  });

  it('shows particulars of any shape', () => {
    expect(particulars({ role: { from: 'viewer' }, tenant: null, n: 3 })).toEqual([
      ['role', '{"from":"viewer"}'],
      ['n', '3'],
    ]);
    expect(particulars('text')).toEqual([]);
    expect(particulars(null)).toEqual([]);
  });
});

it('says everything in both languages', () => {
  expect(Object.keys(enSettings)).toEqual(Object.keys(ptSettings));
  for (const [key, text] of Object.entries(ptSettings)) {
    const other = enSettings[key as keyof typeof enSettings];
    expect(typeof other, key).toBe(typeof text);
    if (typeof text === 'function' && typeof other === 'function') expect(other.length, key).toBe(text.length);
    else expect(text, key).not.toBe('');
  }
});
