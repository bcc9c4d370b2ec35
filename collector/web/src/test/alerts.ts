// Alerts, rules, silences and channels for tests, shaped as the collector answers them. The page itself never shows these.

import type { Alert, BackTest, Channel, IncidentDetail, Rule, RuleRow, SeriesCondition, Silence } from '../api/alerts';

export function alertSample(some: Partial<Alert> = {}): Alert {
  const now = Date.now();
  return {
    id: 1,
    rule: 'memory-high',
    name: 'Memory high',
    level: 'warning',
    state: 'firing',
    resource: 1,
    resource_name: 'web-1',
    kind: 'host',
    service: null,
    environment: null,
    tenant: null,
    attributes: {},
    metric: 'system.memory.usage',
    unit: '1',
    value: 0.93,
    threshold: 0.8,
    below: false,
    for_s: 300,
    onset: now - 660_000,
    fired: now - 360_000,
    resolved: null,
    peak: 0.95,
    incident: 7,
    silenced: false,
    acknowledged: null,
    message: null,
    runbook: null,
    ...some,
  };
}

export function incidentSample(some: Partial<IncidentDetail> = {}): IncidentDetail {
  const now = Date.now();
  return {
    id: 7,
    level: 'warning',
    state: 'open',
    opened: now - 360_000,
    closed: null,
    title: { rule: 'memory-high', name: 'Memory high', resource: 'web-1' },
    tenant: null,
    alerts: [alertSample()],
    firing: 1,
    held: 0,
    cause: { kind: 'deploy', at_ms: now - 960_000, resource: 'api', what: 'v2.41.0', alert: null },
    acknowledged: null,
    silenced: false,
    lines: [
      { time: now - 660_000, kind: 'pending', alert: 1, value: 0.81 },
      { time: now - 360_000, kind: 'fired', alert: 1, value: 0.93 },
      { time: now - 350_000, kind: 'delivered', channel_name: '#oncall' },
    ],
    deliveries: [
      {
        id: 3,
        channel: 'oncall',
        channel_name: '#oncall',
        incident: 7,
        reason: 'opened',
        state: 'sent',
        attempts: 1,
        created: now - 350_000,
        next: null,
        done: now - 349_000,
        detail: '200 ok',
      },
    ],
    ...some,
  };
}

export const seriesSample: SeriesCondition = {
  type: 'series',
  metric: 'system.memory.usage',
  attributes: ['system.memory.state=used'],
  resources: { kind: 'host' },
  divided_by: { metric: 'system.memory.limit' },
  aggregate: 'mean',
  window_s: 300,
  comparison: 'above',
  against: 'nothing',
};

export function ruleSample(some: Partial<Rule> = {}): Rule {
  return {
    id: 'memory-high',
    name: 'Memory high',
    enabled: true,
    condition: seriesSample,
    warning: 0.8,
    critical: 0.95,
    for_s: 300,
    recovery: 0.05,
    resolve_after_s: 120,
    channels: [],
    ...some,
  };
}

export function ruleRowSample(some: Partial<RuleRow> = {}): RuleRow {
  return {
    rule: ruleSample(),
    origin: 'builtin',
    firing: 0,
    pending: 0,
    revision: 4,
    updated_by: null,
    updated: null,
    ...some,
  };
}

export function backTestSample(some: Partial<BackTest> = {}): BackTest {
  const to = Date.now();
  const from = to - 86_400_000;
  return {
    from,
    to,
    exact: true,
    firings: [
      {
        resource: 1,
        resource_name: 'web-1',
        attributes: {},
        level: 'warning',
        from: from + 3_600_000,
        to: from + 4_320_000,
        peak: 0.91,
      },
    ],
    count: 3,
    firing_s: 4_020,
    notifications: 6,
    others: [{ for_s: 120, count: 1, notifications: 2 }],
    suggestion: { warning: 0.82, critical: 0.96 },
    line: {
      unit: '1',
      resource_name: 'web-1',
      points: [
        [from, 0.4],
        [from + 3_600_000, 0.9],
        [from + 7_200_000, 0.5],
      ],
    },
    subjects: 2,
    ...some,
  };
}

export function silenceSample(some: Partial<Silence> = {}): Silence {
  const now = Date.now();
  return {
    id: 5,
    matchers: ['host=web-1'],
    reason: 'New disk',
    from: now - 60_000,
    until: now + 3_600_000,
    weekly: null,
    state: 'active',
    by: 'marina',
    created: now - 60_000,
    held: 2,
    matching: 1,
    ...some,
  };
}

export function channelSample(some: Partial<Channel> = {}): Channel {
  return {
    id: 'oncall',
    name: '#oncall',
    kind: 'slack',
    enabled: true,
    origin: 'own',
    tenant: null,
    language: 'en',
    min_level: 'warning',
    quiet: null,
    fallback: null,
    escalate_to: null,
    escalate_after_s: null,
    settings: { url: { set: true } },
    last: { state: 'sent', at: Date.now() - 60_000, detail: 'ok' },
    waiting: 0,
    ...some,
  };
}
