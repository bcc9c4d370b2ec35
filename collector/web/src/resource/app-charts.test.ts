// Charts of a service and of metrics that applications made up.

import { beforeEach, describe, expect, it } from 'vitest';

import { lang } from '../i18n/index';
import { seriesSample } from '../test/records';
import { appCharts, isOwn, seriesLabel, unitWord, writing } from './app-charts';
import { charts } from './charts';

beforeEach(() => (lang.value = 'en'));

const more = (n: string) => `${n} more`;

describe('an application’s own metrics', () => {
  it('are those that Farol does not make itself', () => {
    const names = [
      'system.cpu.time',
      'farol.events',
      'orders.count',
      'http.server.request.rate',
      'farol.messages.sent',
    ];
    expect(names.filter((name) => isOwn(name, true))).toEqual(['orders.count', 'farol.messages.sent']);
    // Of a machine's scrape it is the application's word.
    expect(isOwn('http.server.request.rate', false)).toBe(true);
  });

  it('have one chart a metric and one line a series, by what tells them apart', () => {
    const rows = ['us', 'br'].map((region) => seriesSample('orders', { attributes: { region, app: 'shop' } }));
    const [chart] = appCharts([...rows, seriesSample('container.cpu.time')], false, more);
    expect([chart?.title, chart?.lines.map((line) => line.label)]).toEqual(['orders', ['br', 'us']]);
    expect(seriesLabel(seriesSample('alone'), [])).toBe('alone');
  });

  it('draw eight lines at most and say how many there are', () => {
    const rows = Array.from({ length: 20 }, (_, i) => seriesSample('queue', { attributes: { q: `q${i}` } }));
    const [chart] = appCharts(rows, false, more);
    expect([chart?.lines.length, chart?.note]).toEqual([8, '12 more']);
  });

  it('are written in their unit; a counter as its rate', () => {
    expect([
      writing('By', false).value(2048),
      writing('s', false).value(0.25),
      writing('us', false).value(1500),
      writing('%', false).value(12),
      writing('1', false).value(3),
    ]).toEqual(['2.00\u202fKiB', '250\u202fms', '1.5\u202fms', '12.0%', '3']);
    expect([unitWord('{order}', true), unitWord('By', false), unitWord('rows', false)]).toEqual([
      'order/s',
      '',
      'rows',
    ]);
  });
});

describe('a service', () => {
  it('has charts of its requests instead of CPU', () => {
    const series = [
      seriesSample('http.server.request.rate'),
      seriesSample('http.server.request.duration', { attributes: { 'farol.statistic': 'p95' } }),
      seriesSample('http.server.request.error_ratio'),
      seriesSample('farol.events', { attributes: { 'farol.event.type': 'MessageSent' } }),
    ];
    expect(charts(series).map((chart) => chart.key)).toEqual(['latency', 'rate', 'errors', 'event-types']);
  });

  it('that only logs has no chart of durations that the application told', () => {
    const series = [
      seriesSample('farol.service.log.records', { attributes: { 'farol.level': 'error' } }),
      seriesSample('http.server.request.duration', { attributes: { 'farol.statistic': 'p95' } }),
    ];
    expect(charts(series).map((chart) => chart.key)).toEqual(['log-levels']);
  });
});
