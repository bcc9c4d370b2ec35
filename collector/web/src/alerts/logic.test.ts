// What the alerts' pages make of data, without a page: amounts, drafts, selectors, matchers, lanes, files.

import { beforeEach, describe, expect, it } from 'vitest';

import type { Channel } from '../api/alerts';
import { lang } from '../i18n/index';
import { alertSample, ruleSample, seriesSample } from '../test/alerts';
import { amount, judgedUnit, RATIO, readAmount, readSeconds, seconds, SPREAD, written } from './amount';
import {
  channelFaults,
  channelForm,
  channelOrder,
  emptyChannel,
  quietDays,
  readHeaders,
  withKind,
} from './channel-form';
import { csv } from './csv';
import { conditionOf, draftOf, emptyDraft, faultsOf, ruleOf } from './draft';
import { deployLine, fits, judged, limitedData, withDeploy } from './judged';
import { lanesOf, placed } from './lanes';
import { fitsPattern, matches } from './matchers';
import { newIncidents } from './notify';
import { sentence } from './rule-text';
import { emptySilence, silenceFault, silenceOf } from './silence-form';
import { worstAlertFirst } from './source';
import { tellingWords } from './wish';
import { channelSample } from '../test/alerts';

beforeEach(() => {
  lang.value = 'en';
});

const plain = (text: string) => text.replaceAll('\u202f', ' ');

describe('amounts', () => {
  it('are read as people write them, and written back', () => {
    expect(readAmount('80', RATIO)).toBe(0.8);
    expect(readAmount('80 %', RATIO)).toBe(0.8);
    expect(readAmount('1,5 GiB', 'By')).toBe(1.5 * 2 ** 30);
    expect(readAmount('500 ms', 's')).toBe(0.5);
    expect(readAmount('1000', '{task}')).toBe(1000);
    expect([readAmount('', 's'), readAmount('soon', 's'), readAmount('3 GiB', '{task}')]).toEqual([
      undefined,
      null,
      null,
    ]);
    expect(written(0.07, RATIO)).toBe('7');
    expect(written(undefined, RATIO)).toBe('');
  });

  it('are told in the unit of what is judged', () => {
    expect(amount(0.93, RATIO)).toBe('93%');
    expect(plain(amount(0.5, 's'))).toBe('500 ms');
    expect(plain(amount(86_400, 's'))).toBe('1 d');
    expect(plain(amount(3, SPREAD))).toBe('3.00 σ');
    expect(amount(null, RATIO)).toBe('—');
    expect(judgedUnit(seriesSample, 'By')).toBe(RATIO);
    expect(judgedUnit({ ...seriesSample, against: 'usual' }, 'By')).toBe(SPREAD);
    expect(judgedUnit({ type: 'series', metric: 'a.b', aggregate: 'rate', window_s: 60 }, 'By')).toBe('By/s');
  });

  it('of time go both ways', () => {
    for (const value of [0, 30, 60, 90, 300, 7_200, 86_400]) expect(readSeconds(seconds(value))).toBe(value);
    expect(readSeconds('-5')).toBeNull();
  });
});

describe('a draft', () => {
  it('gives back the rule that it was made of', () => {
    const whole = ruleSample({
      tenant: 'acme',
      no_data_s: 600,
      remind_s: 0,
      channels: ['oncall'],
      message: 'x {{ value }}',
      runbook: 'https://example.test/run',
    });
    expect(ruleOf(draftOf(whole, 'By'))).toEqual(whole);
    for (const condition of [
      { type: 'events', kinds: ['Failed'], window_s: 60 },
      { type: 'logs', words: ['timeout'], level: 'error', window_s: 60 },
      { type: 'silent', resources: { kind: 'host' } },
    ] as const) {
      expect(conditionOf(draftOf(ruleSample({ condition: structuredClone(condition) as never }), ''))).toEqual(
        condition,
      );
    }
  });

  it('says what is wrong', () => {
    const faults = faultsOf({ ...emptyDraft(), warning: '90', critical: '80', forText: 'a while', runbook: 'wiki' });
    expect(Object.keys(faults).sort()).toEqual(['critical', 'forText', 'metric', 'name', 'runbook']);
    expect(Object.keys(faultsOf({ ...emptyDraft(), name: 'x', metric: 'a.b' }))).toEqual(['warning']);
    const below = { ...emptyDraft(), name: 'x', metric: 'a.b', comparison: 'below' as const };
    expect(faultsOf({ ...below, warning: '90', critical: '80' })).toEqual({});
  });

  it('reads as a sentence', () => {
    expect(plain(sentence(ruleSample(), 'By'))).toBe(
      'mean of system.memory.usage ÷ system.memory.limit > 80% for 5 min · critical > 95%',
    );
  });
});

describe('series of a rule', () => {
  it('are chosen by what their attributes must and must not be', () => {
    const attributes = { state: 'used', disk: '/' };
    expect(fits(attributes, ['state=used', 'disk!=/boot'])).toBe(true);
    expect(fits(attributes, ['state=free|used'])).toBe(true);
    expect(fits(attributes, ['disk!=/'])).toBe(false);
  });

  it('are divided by a limit that is told more seldom', () => {
    const series = (id: number, metric: string, attributes: Record<string, string>, points: [number, number][]) => ({
      id,
      resource: 1,
      metric,
      unit: 'By',
      attributes,
      points,
    });
    const answer = {
      from: 0,
      to: 3_000,
      step: 1_000,
      tier: 'raw',
      series: [
        series(1, 'system.memory.usage', { 'system.memory.state': 'used' }, [
          [1_000, 50],
          [2_000, 80],
        ]),
        series(2, 'system.memory.usage', { 'system.memory.state': 'free' }, [[1_000, 50]]),
        series(3, 'system.memory.limit', {}, [[1_000, 100]]),
      ],
    };
    expect(judged(alertSample(), ruleSample())?.of(answer)).toEqual([
      [1_000, 0.5],
      [2_000, 0.8],
    ]);
    expect(judged(alertSample(), ruleSample({ condition: { type: 'silent' } }))).toBeNull();
  });

  it('of a chart are told from the others of their metric', () => {
    const row = (state: string, id = 0) => ({
      resource: 1,
      metric: 'm',
      unit: '',
      kind: 'gauge',
      attributes: { state, host: 'a' },
      id,
    });
    const all = [row('used', 1), row('free', 2), row('cached', 3)];
    expect(tellingWords(all.slice(0, 1), all)).toEqual(['state=used']);
    expect(tellingWords(all.slice(0, 2), all)).toEqual(['state=free|used']);
    expect(tellingWords(all, all)).toEqual([]);
  });
});

describe('silences', () => {
  it('fit by pattern, whatever the case', () => {
    expect(['web-*', 'WEB-1', '*', 'w*-*1'].map((pattern) => fitsPattern('web-1', pattern))).toEqual(
      Array(4).fill(true),
    );
    expect(['web', 'web-1*2', '*-2', 'eb-1'].map((pattern) => fitsPattern('web-1', pattern))).toEqual(
      Array(4).fill(false),
    );
    expect(fitsPattern('ab', 'ab*b')).toBe(false);
  });

  it('hold what all their words fit, and nothing without words', () => {
    expect(matches(alertSample(), ['rule=memory-*', 'level=warning'])).toBe(true);
    expect(matches(alertSample(), ['rule=memory-*', 'level=critical'])).toBe(false);
    expect(matches(alertSample(), ['resource=a', 'resource=web-*'])).toBe(true);
    expect(matches(alertSample(), [])).toBe(false);
  });

  it('always have a reason and an end', () => {
    const now = Date.now();
    const form = emptySilence(now, ['host=a']);
    expect(silenceFault(form, now)).toBe('Give a reason.');
    expect(silenceFault({ ...form, reason: 'x', length: 'until', until: '' }, now)).toBe(
      'The end must be in the future.',
    );
    expect(silenceFault({ ...form, reason: 'x', length: 'weekly', days: [] }, now)).toBe('Choose at least one day.');
    expect(silenceOf({ ...form, reason: ' x ' }, now)).toEqual({
      matchers: ['host=a'],
      reason: 'x',
      until: now + 3_600_000,
    });
    expect(silenceOf({ ...form, reason: 'x', length: 'weekly', days: [7, 6] }, now).weekly).toMatchObject({
      days: [6, 7],
      start: '02:00',
      end: '03:30',
    });
  });
});

describe('channels', () => {
  it('send a secret only when it was typed', () => {
    const form = channelForm(channelSample());
    expect(channelFaults(form)).toEqual({});
    expect(channelOrder(form, 'oncall').settings).toEqual({ url: { set: true } });
    const typed = { ...form, settings: { url: 'https://hooks.example.test/x' } };
    expect(channelOrder(typed).settings).toEqual({ url: 'https://hooks.example.test/x' });
    expect(channelFaults({ ...form, kept: new Set() })).toEqual({ 's-url': 'Fill this in.' });
  });

  it('go back as they came, also what the form does not show', () => {
    const quiet = { start: '21:30', end: '06:00', offset_min: -180, critical: false };
    const common = { quiet, offset_min: 345, escalate_after_s: 100, tenant: 'acme', fallback: 'mail', last: null };
    const shapes: Partial<Channel>[] = [
      { kind: 'slack', settings: { url: { set: true } } },
      { kind: 'slack', escalate_to: 'mail', quiet: { ...quiet, days: [6, 7], critical: true } },
      {
        kind: 'email',
        settings: { host: 'smtp', security: 'tls', from: 'a@b', to: ['x@y', 'z@y'], port: 25, ca: '-----BEGIN' },
      },
      { kind: 'telegram', settings: { token: { set: true }, chat: '-100', thread: 7 } },
      {
        kind: 'whatsapp',
        settings: { provider: 'meta', token: { set: true }, phone_id: '1', to: '55', url: 'https://own.test' },
      },
      { kind: 'webhook', settings: { url: { set: true }, headers: { set: true }, format: 'farol', template: '{}' } },
    ];
    for (const some of shapes) {
      const channel = channelSample({ ...common, ...some });
      const { id, origin, last, waiting, ...written } = channel;
      expect([origin, last, waiting]).toEqual(['own', null, 0]);
      expect(channelFaults(channelForm(channel))).toEqual({});
      expect(channelOrder(channelForm(channel), id)).toEqual({ id, ...written });
    }
  });

  it('drop what belonged to another choice or kind', () => {
    const settings = { provider: 'meta', token: { set: true }, phone_id: '1', to: '55', url: 'https://own.test' };
    const form = channelForm(channelSample({ kind: 'whatsapp', settings }));
    const waha = { ...form, settings: { ...form.settings, provider: 'waha', session: 'default', url: '' } };
    expect(Object.keys(channelOrder(waha).settings).sort()).toEqual(['provider', 'session', 'to', 'token']);
    expect(channelOrder(withKind(form, 'slack')).settings).toEqual({});
    // A choice that nobody made is the usual one, and what goes with it stays.
    const hook = channelForm(channelSample({ kind: 'webhook', settings: { url: { set: true }, template: '{}' } }));
    expect(channelFaults(hook)).toEqual({});
    expect(channelOrder(hook).settings).toEqual({ url: { set: true }, template: '{}', format: 'farol' });
    const mail = channelSample({ kind: 'email', settings: { host: 'smtp', from: 'a@b', to: ['x@y'] } });
    expect(channelFaults(channelForm(mail))).toEqual({});
    // Nobody is chosen, and what stands in the field is no time: the collector's habit.
    expect(channelOrder({ ...form, escalateAfter: '-' })).not.toHaveProperty('escalate_after_s');
  });

  it('have quiet hours on every day when none is named', () => {
    expect(quietDays({ start: '22:00', end: '07:00', offset_min: 0 })).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(quietDays({ start: '22:00', end: '07:00', offset_min: 0, days: [2] })).toEqual([2]);
  });

  it('have the fields of their kind, and of the choice within it', () => {
    const whats = withKind(emptyChannel(), 'whatsapp');
    const waha = { ...whats, name: 'w', settings: { ...whats.settings, provider: 'waha', phone_id: '1' } };
    expect(Object.keys(channelFaults(waha)).sort()).toEqual(['s-to', 's-token', 's-url']);
    expect(Object.keys(channelOrder(waha).settings).sort()).toEqual(['provider', 'session']);
    const mail = withKind(emptyChannel(), 'email');
    const full = { ...mail.settings, host: 'smtp', from: 'a@b', to: 'x@y.z, q@r.s' };
    expect(channelOrder({ ...mail, settings: full }).settings).toMatchObject({ port: 587, to: ['x@y.z', 'q@r.s'] });
    expect(readHeaders('X-A: 1\n\nX-B:two')).toEqual({ 'X-A': '1', 'X-B': 'two' });
    expect(readHeaders('nothing')).toBeNull();
  });
});

describe('the chart of an alert', () => {
  it('has a mark where its cause was deployed, unless that is not in sight', () => {
    const stretch = { from: 0, to: 100_000, step: 10_000 };
    const data = limitedData([[0, 1]], { warning: 2, critical: undefined }, stretch);
    const line = deployLine({ what: 'v2.41.0' });
    expect([line.role, line.mark]).toEqual(['event', 'v2.41.0']);
    expect(deployLine({ what: '' }).mark).toBe('deploy');
    const mark = (at: number) => {
      const { series } = withDeploy(data, { at_ms: at }).answer;
      return series.find(({ id }) => line.plus.includes(id))?.points;
    };
    // On the grid of the others, whose lines it does not take.
    expect(mark(31_200)).toEqual([[30_000, 1]]);
    expect(mark(-40_000)).toEqual([]);
    expect(mark(400_000)).toEqual([]);
    expect(new Set(withDeploy(data, { at_ms: 0 }).answer.series.map(({ id }) => id)).size).toBe(4);
  });
});

describe('the list and the history', () => {
  it('have the gravest first, then the newest', () => {
    const rows = [
      alertSample({ id: 1, fired: 5 }),
      alertSample({ id: 2, fired: 9 }),
      alertSample({ id: 3, fired: 1, level: 'critical' }),
    ];
    expect(rows.sort(worstAlertFirst).map(({ id }) => id)).toEqual([3, 2, 1]);
  });

  it('have a lane a rule, cut to the stretch', () => {
    const rows = [alertSample({ id: 1 }), alertSample({ id: 2, rule: 'b', level: 'critical' }), alertSample({ id: 3 })];
    expect(lanesOf(rows).map(({ rule, rows: own }) => [rule, own.length])).toEqual([
      ['b', 1],
      ['memory-high', 2],
    ]);
    expect(placed(alertSample({ fired: -50, resolved: 50 }), 0, 100, 100)).toEqual({ left: 0, width: 50 });
    expect(placed(alertSample({ fired: 75, resolved: null }), 0, 100, 100)).toEqual({ left: 75, width: 25 });
  });

  it('go out as a file that no spreadsheet runs', () => {
    const [head, line] = csv([alertSample({ name: '=cmd|"x"', fired: 0, resolved: 1_500 })]).split('\r\n');
    expect(head).toMatch(/^id,rule,name,level,state/);
    expect(line).toContain(`"'=cmd|""x"""`);
    expect(line).toContain('1970-01-01T00:00:00.000Z,1970-01-01T00:00:01.500Z,2,');
  });

  it('tell of an incident once, and again when it gets graver', () => {
    const old = alertSample({ id: 1 });
    const more = alertSample({ id: 2 });
    const worse = alertSample({ id: 3, level: 'critical' });
    const other = alertSample({ id: 4, incident: 8 });
    const silent = alertSample({ id: 5, incident: 9, silenced: true });
    expect(newIncidents([old], [old, more])).toEqual([]);
    expect(newIncidents([old], [old, more, worse, other, silent]).map(({ id }) => id)).toEqual([3, 4]);
    expect(newIncidents([worse], [worse, more])).toEqual([]);
  });
});
