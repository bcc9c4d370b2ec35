// The own account as a person meets it: sessions, password, the second factor from its first code to its last.

import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/preact';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { lang } from '../i18n/index';
import { parse, route } from '../state/route';
import { enter, meSample, problem, serve, sessionSample } from '../test/access';
import { browserOf } from './browser';
import { grouped } from './second-factor';
import { SettingsPage } from './page';

const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1';

beforeEach(() => {
  lang.value = 'en';
  enter('viewer');
  route.value = parse('#/settings/account');
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const type = (label: string, value: string) =>
  fireEvent.input(screen.getByLabelText(label, { selector: 'input' }), { target: { value } });
const press = (name: string | RegExp) => fireEvent.click(screen.getByRole('button', { name }));
const inDialog = () => within(screen.getByRole('dialog'));

const HOME = {
  'GET /api/auth/me': meSample({ role: 'viewer' }),
  'GET /api/auth/sessions': {
    sessions: [sessionSample({ id: 'b2', current: false, agent: PHONE }), sessionSample()],
  },
};

describe('sessions', () => {
  it('lists this one first, in words, and ends another', async () => {
    const asked = serve({ ...HOME, 'DELETE /api/auth/sessions/b2': null });
    render(<SettingsPage />);
    await waitFor(() => expect(screen.getByText('this session')).toBeTruthy());
    const rows = [...document.querySelectorAll('[data-session]')];
    expect(rows.map((row) => row.getAttribute('data-session'))).toEqual(['current', 'other']);
    expect(rows[0]?.textContent).toContain('Chrome on Linux');
    expect(rows[0]?.querySelector('button')).toBeNull();
    press('End the session Safari on iPhone');
    await waitFor(() => expect(asked.some(({ method }) => method === 'DELETE')).toBe(true));
    await waitFor(() => expect(asked.filter(({ path }) => path === '/api/auth/sessions').length).toBe(2));
  });

  it('asks before it ends all others', async () => {
    const asked = serve({ ...HOME, 'POST /api/auth/sessions/end-others': null });
    render(<SettingsPage />);
    await waitFor(() => expect(screen.getByText('this session')).toBeTruthy());
    press('End the others');
    expect(inDialog().getByText('1 session has to sign in again')).toBeTruthy();
    expect(asked.some(({ method }) => method === 'POST')).toBe(false);
    fireEvent.submit(inDialog().getByRole('button', { name: 'End the others' }).closest('form') ?? document.body);
    await waitFor(() => expect(asked.some(({ path }) => path.endsWith('end-others'))).toBe(true));
  });
});

describe('the password', () => {
  it('is sent only when both are the same, and says when the current one is wrong', async () => {
    const asked = serve({ ...HOME, 'POST /api/auth/password': problem(403, 'wrong_password') });
    render(<SettingsPage />);
    await waitFor(() => expect(screen.getByRole('button', { name: 'Change password' })).toBeTruthy());
    press('Change password');
    type('Current password', 'old');
    type('New password', 'lighthouse');
    type('New password, again', 'lightship');
    expect(screen.getByText('The two are not the same.')).toBeTruthy();
    const act = inDialog().getByRole('button', { name: 'Change password' });
    expect(act.hasAttribute('disabled')).toBe(true);
    type('New password, again', 'lighthouse');
    fireEvent.submit(act.closest('form') ?? document.body);
    await waitFor(() => expect(screen.getByText('The current password does not match.')).toBeTruthy());
    expect(asked.at(-1)?.body).toEqual({ current: 'old', new: 'lighthouse' });
  });

  it('stays with the provider that keeps the account', async () => {
    serve({ ...HOME, 'GET /api/auth/me': meSample({ origin: 'oidc:corp' }) });
    render(<SettingsPage />);
    await waitFor(() => expect(screen.getByRole('button', { name: 'Change password' })).toBeTruthy());
    expect(screen.getByRole('button', { name: 'Change password' }).hasAttribute('disabled')).toBe(true);
    expect(screen.getAllByText(/signs in through provider corp/).length).toBe(2);
  });
});

describe('the second factor', () => {
  const begun = { secret: 'JBSWY3DPEHPK3PXP', uri: 'otpauth://totp/x', qr: { size: 21, path: 'M0 0h1v1h-1z' } };

  it('is drawn, confirmed, and its recovery codes are shown until they are kept', async () => {
    const codes = Array.from({ length: 10 }, (_, i) => `code-${i}`);
    const asked = serve({
      ...HOME,
      'POST /api/auth/second-factor/begin': begun,
      'POST /api/auth/second-factor/confirm': ({ body }: { body: Record<string, unknown> }) =>
        body['code'] === '123456' ? { recovery_codes: codes } : problem(403, 'second_factor_wrong'),
    });
    render(<SettingsPage />);
    await waitFor(() => expect(screen.getByRole('button', { name: 'Turn on second factor' })).toBeTruthy());
    press('Turn on second factor');
    type('Password', 'lighthouse');
    fireEvent.submit(inDialog().getByRole('button', { name: 'Continue' }).closest('form') ?? document.body);
    const picture = await waitFor(() => screen.getByRole('img', { name: /QR code/ }));
    expect(picture.querySelector('path')?.getAttribute('d')).toBe(begun.qr.path);
    expect(screen.getByText('JBSW Y3DP EHPK 3PXP')).toBeTruthy();
    const send = () =>
      fireEvent.submit(inDialog().getByRole('button', { name: 'Turn on' }).closest('form') ?? document.body);
    type('Code that the app shows', '000000');
    send();
    await waitFor(() => expect(screen.getByText(/This code does not work/)).toBeTruthy());
    type('Code that the app shows', '123 456');
    send();
    await waitFor(() =>
      expect(screen.getByLabelText('Recovery codes', { selector: 'pre' }).textContent).toContain('code-9'),
    );
    expect(asked.filter(({ path }) => path.endsWith('/confirm')).at(-1)?.body).toEqual({ code: '123456' });
    const dialog = await waitFor(() => screen.getByRole('dialog'));
    const cancel = new Event('cancel', { cancelable: true });
    dialog.dispatchEvent(cancel);
    expect(cancel.defaultPrevented).toBe(true);
    press('I have kept it');
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    expect(document.body.textContent).not.toContain('code-9');
  });

  it('asks for password and code before it is turned off', async () => {
    const asked = serve({
      ...HOME,
      'GET /api/auth/me': meSample({ second_factor: true }),
      'POST /api/auth/second-factor/disable': null,
    });
    render(<SettingsPage />);
    await waitFor(() => expect(screen.getByRole('button', { name: 'Turn off…' })).toBeTruthy());
    press('Turn off…');
    const act = inDialog().getByRole('button', { name: 'Turn off second factor' });
    expect(act.hasAttribute('disabled')).toBe(true);
    type('Password', 'lighthouse');
    type('Code of the app, or a recovery code', 'abcd-efgh');
    fireEvent.submit(act.closest('form') ?? document.body);
    await waitFor(() => expect(screen.getByText('Second factor off.')).toBeTruthy());
    expect(asked.find(({ path }) => path.endsWith('/disable'))?.body).toEqual({
      password: 'lighthouse',
      code: 'abcd-efgh',
    });
  });

  it('groups its secret by fours', () => {
    expect(grouped('ABCDEFGHIJ')).toBe('ABCD EFGH IJ');
  });
});

describe('browsers', () => {
  it.each([
    [PHONE, ['Safari', 'iPhone']],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/149.0 Safari/537.36 Edg/149.0',
      ['Edge', 'Windows'],
    ],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 15.1; rv:150.0) Gecko/20100101 Firefox/150.0', ['Firefox', 'macOS']],
    ['Mozilla/5.0 (Linux; Android 17) AppleWebKit/537.36 Chrome/149.0 Mobile Safari/537.36', ['Chrome', 'Android']],
    ['curl/8.9.1', ['curl', null]],
    ['<script>alert(1)</script>', ['<script>alert(1)<', null]],
  ])('are called by their names: %s', (agent, name) => {
    expect(browserOf(agent)).toEqual(name);
  });

  it('may say nothing', () => {
    expect(browserOf(null)).toBeNull();
    expect(browserOf('  ')).toBeNull();
  });
});
