// Signing in beyond name and password: the second step, providers, and what went wrong at one of them.

import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/preact';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { enAccess } from '../i18n/en-access';
import { lang } from '../i18n/index';
import { ptAccess } from '../i18n/pt-access';
import { parse, route } from '../state/route';
import { providers, session } from '../state/session';
import { problem, serve, type Asked } from '../test/access';
import { SignIn } from './access';

beforeEach(() => {
  lang.value = 'en';
  route.value = parse('#/');
  providers.value = [];
  session.value = { state: 'out', setupRequired: false };
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const type = (label: string, value: string) => fireEvent.input(screen.getByLabelText(label), { target: { value } });
const send = () => fireEvent.submit(document.querySelector('form') ?? document.body);

function login({ body }: Asked): unknown {
  if (body['password'] !== 'lighthouse') return problem(401, null);
  if (body['code'] === undefined) return problem(401, 'second_factor_required');
  if (body['code'] !== '123456' && body['code'] !== 'abcd-efgh') return problem(401, 'second_factor_wrong');
  return { user: { username: 'marina', role: 'viewer' } };
}

async function secondStep(): Promise<Asked[]> {
  const asked = serve({ 'POST /api/auth/login': login });
  render(<SignIn />);
  type('Username', 'marina');
  type('Password', 'lighthouse');
  send();
  await waitFor(() => expect(screen.getByLabelText('Code of the authenticator app')).toBeTruthy());
  return asked;
}

describe('the second step', () => {
  it('asks for the code only when the collector does, and lets the person in', async () => {
    const asked = await secondStep();
    expect(asked[0]?.body).toEqual({ username: 'marina', password: 'lighthouse' });
    const field = screen.getByLabelText('Code of the authenticator app');
    expect([field.getAttribute('autocomplete'), field.getAttribute('inputmode')]).toEqual(['one-time-code', 'numeric']);
    expect(screen.queryByText('Username or password do not match.')).toBeNull();
    type('Code of the authenticator app', '123 456');
    send();
    await waitFor(() => expect(session.value.state).toBe('in'));
    expect(asked.at(-1)?.body['code']).toBe('123456');
  });

  it('says that the code is wrong and asks again', async () => {
    await secondStep();
    type('Code of the authenticator app', '000000');
    send();
    await waitFor(() => expect(screen.getByText(/This code does not work/)).toBeTruthy());
    const field = screen.getByLabelText<HTMLInputElement>('Code of the authenticator app');
    expect([field.value, field.getAttribute('aria-invalid')]).toEqual(['', 'true']);
  });

  it('takes a recovery code', async () => {
    await secondStep();
    fireEvent.click(screen.getByRole('button', { name: 'Use a recovery code' }));
    type('Recovery code', 'wrong-one');
    send();
    await waitFor(() => expect(screen.getByText(/This recovery code does not work/)).toBeTruthy());
    type('Recovery code', 'abcd-efgh');
    send();
    await waitFor(() => expect(session.value.state).toBe('in'));
  });

  it('goes back to name and password', async () => {
    await secondStep();
    fireEvent.click(screen.getByRole('button', { name: 'Back' }));
    expect(screen.getByLabelText<HTMLInputElement>('Username').value).toBe('marina');
  });
});

describe('providers', () => {
  it('are links, one for each', () => {
    providers.value = [
      { name: 'corp', title: 'Aurora' },
      { name: 'a/b', title: 'Other' },
    ];
    render(<SignIn />);
    const links = screen.getAllByRole('link').map((link) => new URL(link.getAttribute('href') ?? '').pathname);
    expect(links).toEqual(['/api/auth/oidc/corp', '/api/auth/oidc/a%2Fb']);
    expect(screen.getByText('Sign in with Aurora')).toBeTruthy();
  });

  it.each([
    ['oidc_refused', /did not confirm/],
    ['oidc_expired', /took too long/],
    ['oidc_no_role', /no role in Farol/],
    ['oidc_failed', /could not be verified/],
    ['oidc_unreachable', /did not answer the collector/],
    ['<img src=x>', /failed \(imgsrcx\)/],
  ])('say what went wrong there: %s', (code, text) => {
    route.value = parse(`#/login?fault=${encodeURIComponent(code)}`);
    render(<SignIn />);
    expect(screen.getByText(text)).toBeTruthy();
  });
});

it('says everything in both languages', () => {
  expect(Object.keys(enAccess)).toEqual(Object.keys(ptAccess));
});
