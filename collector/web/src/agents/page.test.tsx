// Adding an agent as an administrator meets it: a token that is shown once is not left by mistake.

import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/preact';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import type { Arrivals } from '../api/access';
import { lang } from '../i18n/index';
import { go, parse, route } from '../state/route';
import { agentTokenSample, enter, meSample, serve } from '../test/access';
import { AddAgentPage } from './page';

const NOBODY: Arrivals = { now: 0, revoked: null, checked: null, agents: [], refused: null, turned_away: [] };

beforeEach(() => {
  lang.value = 'en';
  enter('super_admin');
  // happy-dom has no modal dialogs.
  HTMLDialogElement.prototype.showModal = function show(this: HTMLDialogElement) {
    this.setAttribute('open', '');
  };
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** To the commands with the token in them. */
async function makeToken(arrivals = NOBODY): Promise<void> {
  serve({
    'GET /api/auth/me': meSample(),
    'POST /api/v1/tokens': { token: 'farol_secret', token_row: agentTokenSample({ name: 'shop' }), public_url: null },
    'GET /api/v1/tokens/1/arrivals': arrivals,
  });
  location.hash = '#/add-agent';
  route.value = parse('#/add-agent');
  render(<AddAgentPage />);
  fireEvent.input(await screen.findByLabelText('Name'), { target: { value: 'shop' } });
  fireEvent.click(screen.getByRole('button', { name: 'Make token' }));
  await screen.findByText('The token is shown only now.');
}

/** The browser's address has become another, as by Back. */
function moved(hash: string): void {
  location.hash = hash;
  window.dispatchEvent(new Event('popstate'));
}

const question = () => screen.queryByRole('dialog', { name: 'Leave without the token?' });
const closing = () => {
  const event = new Event('beforeunload', { cancelable: true });
  window.dispatchEvent(event);
  return event.defaultPrevented;
};

it('asks before a link leads away from the token, and goes there when told to', async () => {
  await makeToken();
  const link = document.querySelector('aside a[href^="#/alerts"]');
  expect(link && fireEvent.click(link)).toBe(false);
  await waitFor(() => expect(question()).not.toBeNull());
  expect([location.hash, route.value.path]).toEqual(['#/add-agent', '/add-agent']);
  fireEvent.click(screen.getByRole('button', { name: 'Stay here' }));
  await waitFor(() => expect(question()).toBeNull());
  expect(screen.getByText('The token is shown only now.')).toBeTruthy();
  if (link) fireEvent.click(link);
  fireEvent.click(await screen.findByRole('button', { name: 'Leave this page' }));
  moved(location.hash);
  expect(route.value.path).toBe('/alerts');
});

it('leaves a link alone that opens elsewhere', async () => {
  await makeToken();
  const link = document.querySelector('aside a[href^="#/alerts"]');
  expect(link && fireEvent.click(link, { ctrlKey: true })).toBe(true);
  expect(question()).toBeNull();
});

it('asks before Back, a key and the closing of the tab', async () => {
  await makeToken();
  expect(closing()).toBe(true);
  moved('#/settings/tokens');
  await waitFor(() => expect(question()).not.toBeNull());
  expect([location.hash, route.value.path]).toEqual(['#/add-agent', '/add-agent']);
  fireEvent.click(screen.getByRole('button', { name: 'Stay here' }));
  await waitFor(() => expect(question()).toBeNull());
  go('/events');
  await waitFor(() => expect(question()).not.toBeNull());
  expect(location.hash).toBe('#/add-agent');
});

it('asks nothing once an agent has come with the token, nor before there is one', async () => {
  await makeToken({ ...NOBODY, agents: [{ agent: 'a', first: 1, last: 1, batches: 1, resources: [1] }] });
  await waitFor(() => expect(document.querySelector('[data-hello]')).not.toBeNull());
  expect(closing()).toBe(false);
  fireEvent.click(screen.getByRole('button', { name: 'Add another agent' }));
  await screen.findByLabelText('Name');
  moved('#/settings/tokens');
  expect(route.value.path).toBe('/settings/tokens');
  expect(question()).toBeNull();
});
