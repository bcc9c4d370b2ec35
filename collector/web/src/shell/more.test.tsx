// What the phone's menu leads to, by what the person may do.

import { cleanup, render, screen, within } from '@testing-library/preact';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { lang } from '../i18n/index';
import { parse, route } from '../state/route';
import { session } from '../state/session';
import { MorePanel } from './more';

beforeEach(() => {
  lang.value = 'en';
  route.value = parse('#/alerts?range=6h');
  // happy-dom has no modal dialogs.
  HTMLDialogElement.prototype.showModal = function show(this: HTMLDialogElement) {
    this.setAttribute('open', '');
  };
});

afterEach(cleanup);

function links(role: string, tenant: string | null = null): (string | null)[] {
  session.value = { state: 'in', user: { username: 'marina', role, tenant } };
  render(<MorePanel />);
  const nav = within(screen.getByRole('navigation', { name: 'More' }));
  const found = nav.getAllByRole('link').map((link) => link.getAttribute('href'));
  cleanup();
  return found;
}

it('leads whoever may to adding an agent, as the sidebar does on a wide page', () => {
  expect(links('admin')).toContain('#/add-agent?range=6h');
  expect(links('operator')).not.toContain('#/add-agent?range=6h');
  // A tenant's administrator makes no tokens of agents.
  expect(links('admin', 'acme')).not.toContain('#/add-agent?range=6h');
});
