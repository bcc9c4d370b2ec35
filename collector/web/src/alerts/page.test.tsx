// The alerts' pages as a person meets them: acknowledging, silencing, changing a rule, trying a channel.

import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/preact';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { lang } from '../i18n/index';
import { clear } from '../live/fleet';
import type { Role } from '../state/roles';
import { parse, route } from '../state/route';
import { session } from '../state/session';
import {
  alertSample,
  backTestSample,
  channelSample,
  incidentSample,
  ruleRowSample,
  ruleSample,
  silenceSample,
} from '../test/alerts';
import { seeEverything, serve, type Asked } from '../test/boards';
import { toasts } from '../ui/toast';
import { ActiveAlerts } from './card';
import { channelRows } from './channel-source';
import { metricRows } from './metric-source';
import { AlertsPage } from './page';
import { ruleRows } from './rule-source';
import { silenceRows } from './silence-source';
import { openAlerts } from './source';

const METRICS = [
  { id: 1, resource: 1, metric: 'system.memory.usage', unit: 'By', kind: 'gauge', attributes: { s: 'used' } },
  { id: 2, resource: 1, metric: 'system.memory.usage', unit: 'By', kind: 'gauge', attributes: { s: 'free' } },
  { id: 3, resource: 1, metric: 'system.memory.limit', unit: 'By', kind: 'gauge', attributes: {} },
];

const EVERYTHING = {
  'GET api/v1/alerts/pending': { pending: [] },
  'GET api/v1/alerts?state=open': { alerts: [alertSample()], open: { critical: 0, warning: 1 } },
  'GET api/v1/alerts': { alerts: [], open: { critical: 0, warning: 1 } },
  'GET api/v1/incidents/7': incidentSample(),
  'GET api/v1/rules': { rules: [ruleRowSample()] },
  'GET api/v1/silences': { silences: [silenceSample()] },
  'GET api/v1/channels': { channels: [channelSample()] },
  'GET api/v1/deliveries': { deliveries: incidentSample().deliveries },
  'GET api/v1/series': { series: METRICS },
  'GET api/v1/query': { from: 0, to: 1, step: 1_000, tier: 'raw', series: [] },
  'POST api/v1/rules/back-test': backTestSample(),
};

beforeEach(() => {
  lang.value = 'en';
  clear();
  toasts.value = [];
  openAlerts.value = null;
  ruleRows.value = null;
  silenceRows.value = null;
  channelRows.value = null;
  metricRows.value = null;
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

function open(hash: string, answers: Record<string, unknown> = {}, role: Role = 'admin'): Asked[] {
  session.value = { state: 'in', user: { username: 'marina', role } };
  route.value = parse(hash);
  location.hash = hash;
  const asked = serve({ ...answers, ...EVERYTHING });
  render(<AlertsPage />);
  return asked;
}

/** The back-test waits for a pause in typing. */
const PATIENT = { timeout: 10_000 };

const did = (asked: readonly Asked[], method: string, path: string) =>
  asked.find((one) => one.method === method && one.path === path);

describe('active alerts', () => {
  it('show the gravest in full: condition, likely cause, timeline, who was told', async () => {
    open('#/alerts');
    const detail = await waitFor(() => {
      const found = document.querySelector<HTMLElement>('[data-incident="7"]');
      expect(found).not.toBeNull();
      return found as HTMLElement;
    });
    const inside = within(detail);
    expect(await inside.findByText(/deploy v2.41.0, api/)).toBeTruthy();
    expect(inside.getByText('#oncall')).toBeTruthy();
    expect(inside.getByText(/Fired: Memory high, web-1/)).toBeTruthy();
    expect(detail.textContent).toContain('system.memory.usage > 80%');
  });

  it('are acknowledged by a click, and that is taken back by another', async () => {
    const asked = open('#/alerts', {
      'POST api/v1/incidents/7/acknowledge': incidentSample(),
      'POST api/v1/incidents/7/unacknowledge': incidentSample(),
    });
    fireEvent.click(await screen.findByRole('button', { name: 'Acknowledge: Memory high' }));
    await waitFor(() => expect(did(asked, 'POST', 'api/v1/incidents/7/acknowledge')).toBeTruthy());
    await waitFor(() => expect(toasts.value[0]?.text).toBe('Acknowledged: Memory high'));
    toasts.value[0]?.action?.run();
    await waitFor(() => expect(did(asked, 'POST', 'api/v1/incidents/7/unacknowledge')).toBeTruthy());
  });

  it('obey the keys A and S', async () => {
    const asked = open('#/alerts', {
      'POST api/v1/incidents/7/acknowledge': incidentSample(),
      'POST api/v1/silences': silenceSample(),
    });
    await screen.findByRole('button', { name: 'Acknowledge: Memory high' });
    fireEvent.keyDown(document.body, { key: 'a' });
    fireEvent.keyDown(document.body, { key: 's' });
    await waitFor(() => expect(did(asked, 'POST', 'api/v1/incidents/7/acknowledge')).toBeTruthy());
    await waitFor(() => expect(did(asked, 'POST', 'api/v1/silences')).toBeTruthy());
    const order = did(asked, 'POST', 'api/v1/silences')?.body as { matchers: string[]; until: number };
    expect(order.matchers).toEqual(['rule=memory-high', 'resource=web-1']);
    expect(order.until).toBeGreaterThan(Date.now() + 3_500_000);
  });

  it('say which role acknowledging takes', async () => {
    open('#/alerts', {}, 'viewer');
    const button = await screen.findByRole('button', { name: 'Acknowledge: Memory high' });
    expect([button.hasAttribute('disabled'), button.title]).toEqual([true, expect.stringContaining('Operator')]);
  });

  it('are marked when they follow from another one, wherever they are listed, in both languages', async () => {
    const held = alertSample({ id: 2, name: 'CPU high', held: true });
    const both = [alertSample(), held];
    const answers = {
      'GET api/v1/alerts?state=open&': { alerts: both, open: { critical: 0, warning: 2 } },
      'GET api/v1/incidents/': incidentSample({ alerts: both, held: 1 }),
      'GET api/v1/alerts?state=all': { alerts: both, open: { critical: 0, warning: 2 } },
    };
    const marked = (where: string) =>
      [...document.querySelectorAll(where)].map((one) => one.querySelector('[data-held]')?.textContent ?? '');
    open('#/alerts?alert=1', answers);
    await waitFor(() => expect(marked('li[data-level]')).toEqual(['Follows', '']));
    await waitFor(() => expect(marked('.al-others li')).toEqual(['Follows']));
    lang.value = 'pt-BR';
    await waitFor(() => expect(marked('li[data-level]')).toEqual(['Decorrente', '']));
    cleanup();
    openAlerts.value = both;
    render(<ActiveAlerts />);
    expect(marked('[data-active] li')).toEqual(['Decorrente', '']);
    cleanup();
    open('#/alerts/history', answers);
    await waitFor(() => expect(marked('tr[data-alert]')).toEqual(['', 'Decorrente']));
  });

  it('stand on the overview while there are some', () => {
    openAlerts.value = [];
    const { container, rerender } = render(<ActiveAlerts />);
    expect(container.innerHTML).toBe('');
    openAlerts.value = [alertSample()];
    rerender(<ActiveAlerts />);
    expect(screen.getByRole('link', { name: 'Memory high' })).toBeTruthy();
  });
});

describe('rules', () => {
  it('are tried on the past before they are saved, and take a suggestion over', async () => {
    const asked = open('#/rules?rule=memory-high', { 'PUT api/v1/rules/memory-high': ruleRowSample({ revision: 5 }) });
    expect(await screen.findByText(/Would have fired 3 times, .*, 6 notifications/, {}, PATIENT)).toBeTruthy();
    const tried = did(asked, 'POST', 'api/v1/rules/back-test')?.body as { rule: { warning: number }; days: number };
    expect([tried.days, tried.rule.warning]).toEqual([1, 0.8]);
    expect(screen.getByText(/for 2.min: 1 time, 2 notifications/)).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Use these thresholds' }));
    fireEvent.click(screen.getByRole('button', { name: /^Use for 2.min$/ }));
    await waitFor(() => expect(screen.getByLabelText('Warning', { selector: 'input' })).toHaveProperty('value', '82'));
    fireEvent.click(screen.getByRole('button', { name: 'Save rule' }));
    await waitFor(() => expect(did(asked, 'PUT', 'api/v1/rules/memory-high')).toBeTruthy());
    const { rule, revision } = did(asked, 'PUT', 'api/v1/rules/memory-high')?.body as {
      rule: unknown;
      revision: number;
    };
    expect(revision).toBe(4);
    expect(rule).toEqual(ruleSample({ warning: 0.82, critical: 0.96, for_s: 120 }));
  });

  it('overwrite nothing that somebody else saved', async () => {
    open('#/rules?rule=memory-high', {
      'PUT api/v1/rules/memory-high': { status: 409, code: 'changed', detail: 'x' },
    });
    fireEvent.click(await screen.findByRole('button', { name: 'Save rule' }));
    expect(await screen.findByText(/Somebody else changed this rule/)).toBeTruthy();
    expect(screen.getByRole('button', { name: 'See the saved version' })).toBeTruthy();
  });

  it('are turned off in the list', async () => {
    const asked = open('#/rules', {
      'PUT api/v1/rules/memory-high': ruleRowSample({ rule: ruleSample({ enabled: false }), origin: 'changed' }),
    });
    fireEvent.click(await screen.findByRole('switch', { name: 'On: Memory high' }));
    await waitFor(() =>
      expect(did(asked, 'PUT', 'api/v1/rules/memory-high')?.body).toMatchObject({
        rule: { enabled: false },
        revision: 4,
      }),
    );
    await waitFor(() =>
      expect(screen.getByRole('switch', { name: 'On: Memory high' }).getAttribute('aria-checked')).toBe('false'),
    );
  });

  it('say what is missing, and are not sent', async () => {
    const asked = open('#/rules?new=1');
    fireEvent.click(await screen.findByRole('button', { name: 'Save rule' }));
    for (const text of ['Give it a name.', /Choose a metric/, /Give at least one threshold/]) {
      expect((await screen.findAllByText(text)).length).toBeGreaterThan(0);
    }
    expect(did(asked, 'POST', 'api/v1/rules')).toBeUndefined();
  });

  it('of a chart begin with its metric and attributes', async () => {
    const asked = open('#/rules?new=1&resource=1&metric=system.memory.usage&series=1');
    expect(await screen.findByRole('button', { name: /s=used/ })).toBeTruthy();
    fireEvent.input(screen.getByLabelText('Warning', { selector: 'input' }), { target: { value: '1.5 GiB' } });
    await waitFor(() => expect(did(asked, 'POST', 'api/v1/rules/back-test')).toBeTruthy(), PATIENT);
    const { rule } = did(asked, 'POST', 'api/v1/rules/back-test')?.body as { rule: { warning: number } };
    expect(rule).toMatchObject({ warning: 1.5 * 2 ** 30, condition: { attributes: ['s=used'], aggregate: 'mean' } });
  });
});

describe('built-in rules on a Portuguese page', () => {
  const NAME = 'Memory of a host near its limit';
  const SHOWN = 'Memória do host perto do limite';
  const row = ruleRowSample({ rule: ruleSample({ name: NAME }) });

  it('have the name that messages give them, and keep their own', async () => {
    lang.value = 'pt-BR';
    const asked = open('#/rules?rule=memory-high', {
      // Fits before the usual answer does.
      'GET api/v1/rule': { rules: [row] },
      'PUT api/v1/rules/memory-high': row,
    });
    expect(await screen.findByRole('heading', { level: 2, name: SHOWN })).toBeTruthy();
    expect(screen.getByRole('switch', { name: new RegExp(SHOWN) })).toBeTruthy();
    const field = document.getElementById('rule-name');
    expect(field).toHaveProperty('value', SHOWN);
    if (field) fireEvent.input(field, { target: { value: `${SHOWN}!` } });
    expect(await screen.findByRole('heading', { level: 2, name: `${SHOWN}!` })).toBeTruthy();
    if (field) fireEvent.input(field, { target: { value: SHOWN } });
    fireEvent.click(screen.getByRole('button', { name: 'Salvar regra' }));
    await waitFor(() => expect(did(asked, 'PUT', 'api/v1/rules/memory-high')).toBeTruthy());
    expect(did(asked, 'PUT', 'api/v1/rules/memory-high')?.body).toMatchObject({ rule: { name: NAME } });
  });

  it('name their alerts, lanes and causes', async () => {
    lang.value = 'pt-BR';
    const alert = alertSample({ name: NAME });
    const cause = { kind: 'dependency', at_ms: alert.onset, resource: 'db', what: 'Agent silent', alert: 9 } as const;
    open('#/alerts', {
      'GET api/v1/alerts?state=open&': { alerts: [alert], open: { critical: 0, warning: 1 } },
      'GET api/v1/incidents/': incidentSample({ alerts: [alert], cause }),
    });
    await waitFor(() => expect(document.querySelector('li[data-level] b')?.textContent).toBe(SHOWN));
    await waitFor(() => expect(document.querySelector('[data-cause]')?.textContent).toContain('Agente sem contato'));
    expect(document.querySelector('[data-incident]')?.textContent).toContain(SHOWN);
    cleanup();
    open('#/alerts/history', {
      'GET api/v1/alerts?state=all': { alerts: [alert], open: { critical: 0, warning: 1 } },
    });
    expect((await screen.findAllByRole('link', { name: SHOWN })).length).toBe(1);
    expect(document.querySelector('[data-lane]')?.textContent).toContain(SHOWN);
  });
});

describe('unsaved changes', () => {
  const other = ruleRowSample({ rule: ruleSample({ id: 'disk-full', name: 'Disk full' }) });
  // Fits before the usual answer does.
  const TWO = { 'GET api/v1/rule': { rules: [ruleRowSample(), other] } };
  const question = () => screen.queryByRole('dialog', { name: 'Leave without saving?' });
  const chosen = () => document.querySelector('[data-rule]')?.getAttribute('data-rule');
  const choose = (name: RegExp) => fireEvent.click(screen.getByRole('button', { name }));
  const type = (label: string, value: string) =>
    fireEvent.input(screen.getByLabelText(label, { selector: 'input' }), { target: { value } });

  it('of a rule are asked about before another one is chosen', async () => {
    open('#/rules?rule=memory-high', TWO);
    await waitFor(() => expect(chosen()).toBe('memory-high'));
    choose(/^Disk full/);
    await waitFor(() => expect(chosen()).toBe('disk-full'));
    expect(question()).toBeNull();
    type('Warning', '70');
    choose(/^Memory high/);
    await waitFor(() => expect(question()).not.toBeNull());
    fireEvent.click(screen.getByRole('button', { name: 'Keep editing' }));
    await waitFor(() => expect(question()).toBeNull());
    expect([chosen(), route.value.params.get('rule')]).toEqual(['disk-full', 'disk-full']);
    expect(screen.getByLabelText('Warning', { selector: 'input' })).toHaveProperty('value', '70');
    choose(/^Memory high/);
    fireEvent.click(await screen.findByRole('button', { name: 'Leave without saving' }));
    window.dispatchEvent(new Event('hashchange'));
    await waitFor(() => expect(chosen()).toBe('memory-high'));
    expect(screen.getByLabelText('Warning', { selector: 'input' })).toHaveProperty('value', '80');
  });

  it('are saved without a question', async () => {
    open('#/rules?rule=memory-high', { ...TWO, 'PUT api/v1/rules/memory-high': ruleRowSample({ revision: 5 }) });
    await waitFor(() => expect(chosen()).toBe('memory-high'));
    type('Warning', '70');
    fireEvent.click(screen.getByRole('button', { name: 'Save rule' }));
    await waitFor(() => expect(toasts.value[0]?.text).toContain('Memory high'));
    choose(/^Disk full/);
    await waitFor(() => expect(chosen()).toBe('disk-full'));
    expect(question()).toBeNull();
  });

  it('of a channel are asked about before its part is left', async () => {
    open('#/channels?channel=oncall');
    await screen.findByRole('button', { name: 'Save channel' });
    type('Name', '#night');
    location.hash = '#/rules';
    window.dispatchEvent(new Event('popstate'));
    await waitFor(() => expect(question()).not.toBeNull());
    expect(location.hash).toBe('#/channels?channel=oncall');
  });
});

describe('silences', () => {
  it('are made of filters, a length and a reason, and ended', async () => {
    const asked = open('#/silences', {
      'POST api/v1/silences': silenceSample(),
      'DELETE api/v1/silences/5': { status: 204 },
    });
    fireEvent.input(await screen.findByLabelText('Value of the filter'), { target: { value: 'web-*' } });
    fireEvent.change(screen.getByLabelText('Filter by'), { target: { value: 'resource' } });
    fireEvent.click(screen.getByRole('button', { name: 'Filter' }));
    expect(await screen.findByText('Holds back 1 active alert now')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Silence for 1 h' }));
    expect(await screen.findByText('Give a reason.')).toBeTruthy();
    fireEvent.input(screen.getByLabelText('Reason'), { target: { value: 'disk' } });
    fireEvent.click(screen.getByRole('button', { name: 'Silence for 1 h' }));
    await waitFor(() =>
      expect(did(asked, 'POST', 'api/v1/silences')?.body).toMatchObject({
        matchers: ['resource=web-*'],
        reason: 'disk',
      }),
    );
    fireEvent.click(screen.getByRole('button', { name: 'End now: host=web-1' }));
    await waitFor(() => expect(did(asked, 'DELETE', 'api/v1/silences/5')).toBeTruthy());
  });
});

describe('channels', () => {
  it('show what the channel said to a test, and keep the secret that nobody typed', async () => {
    const asked = open('#/channels?channel=oncall', {
      'POST api/v1/channels/oncall/test': { delivered: false, detail: '404 no_service' },
      'PUT api/v1/channels/oncall': channelSample({ name: '#night' }),
    });
    fireEvent.click(await screen.findByRole('button', { name: 'Send test' }));
    expect(await screen.findByText(/404 no_service/)).toBeTruthy();
    fireEvent.input(screen.getByLabelText('Name'), { target: { value: '#night' } });
    fireEvent.click(screen.getByRole('button', { name: 'Save channel' }));
    await waitFor(() =>
      expect(did(asked, 'PUT', 'api/v1/channels/oncall')?.body).toMatchObject({
        name: '#night',
        settings: { url: { set: true } },
      }),
    );
  });

  it('keep what their form does not show', async () => {
    const quiet = { start: '22:00', end: '07:00', offset_min: -180, critical: false };
    const oncall = channelSample({ quiet, offset_min: 345, escalate_after_s: 600 });
    const asked = open('#/channels?channel=oncall', {
      // Fits before the usual answer does.
      'GET api/v1/channel': { channels: [oncall] },
      'PUT api/v1/channels/oncall': oncall,
    });
    // No day is named: every day.
    const monday = await screen.findByRole('button', { name: 'Mon' });
    expect(monday.getAttribute('aria-pressed')).toBe('true');
    fireEvent.click(monday);
    await waitFor(() => expect(monday.getAttribute('aria-pressed')).toBe('false'));
    fireEvent.click(screen.getByRole('button', { name: 'Save channel' }));
    await waitFor(() => expect(did(asked, 'PUT', 'api/v1/channels/oncall')).toBeTruthy());
    expect(did(asked, 'PUT', 'api/v1/channels/oncall')?.body).toMatchObject({
      quiet: { ...quiet, days: [2, 3, 4, 5, 6, 7] },
      offset_min: 345,
      escalate_after_s: 600,
      escalate_to: null,
    });
  });

  it('are locked for whom they do not belong to, with the reason', async () => {
    open('#/channels?channel=oncall', {}, 'operator');
    const save = await screen.findByRole('button', { name: 'Save channel' });
    expect([save.hasAttribute('disabled'), save.title]).toEqual([true, expect.stringContaining('Admin')]);
  });
});
