// Fakes of the services that the collector asks in the browser tests: a Sentry and an UptimeRobot in their documented shapes.
// Each can be told to refuse its key, so that what was well fails.

import { createServer } from 'node:http';

const MINUTE_MS = 60_000;

/** The token that both accept. */
export const VENDOR_KEY = 's3cr3t-vendor-key';

/** Counts of issues by what is asked for. */
const ISSUES = {
  'is:unresolved firstSeen:-1h': 1,
  'is:unresolved firstSeen:-24h': 7,
  'is:unresolved firstSeen:+24h lastSeen:-24h': 23,
  'is:regressed': 2,
  'is:escalating': 0,
  'is:unresolved': 41,
};

const TITLES = [
  "KeyError: 'plan'",
  'TimeoutError: upstream took longer than 30 s',
  'OperationalError: could not obtain lock on row in relation "appointments"',
  'TypeError: Cannot read properties of undefined',
  'ValidationError: cpf',
];

function issue(place) {
  const [type] = TITLES[place].split(':');
  return {
    id: String(place + 1),
    shortId: `WEB-${place + 1}`,
    title: TITLES[place],
    culprit: 'orders.views in pay',
    level: 'error',
    status: 'unresolved',
    type: 'error',
    count: String(Math.round(1_204 / (place + 1))),
    userCount: 31 - place,
    firstSeen: '2026-11-02T08:00:00Z',
    lastSeen: new Date(Date.now() - (place + 1) * MINUTE_MS).toISOString(),
    permalink: `https://acme.sentry.example/issues/${place + 1}/`,
    project: { id: '4501', name: 'web', slug: 'web' },
    metadata: { type, value: '' },
  };
}

function transactions(asked) {
  const fields = asked.getAll('field');
  const isGrouped = fields.includes('transaction');
  const query = asked.get('query') ?? '';
  const routes = [
    'POST /api/appointments',
    'GET /api/patients/{id}/history',
    'GET /api/reports',
    'GET /api/orders',
    'POST /login',
  ];
  const row = (place) =>
    Object.fromEntries(
      fields.map((field) => {
        if (field === 'transaction') return [field, routes[place]];
        if (field === 'count()') return [field, query.includes(':[') || query.includes(':>=') ? 9 : 5_000];
        if (field === 'failure_rate()') return [field, 0.0123];
        if (field.startsWith('avg(')) return [field, 182.4 - 20 * place];
        if (field.startsWith('p95(')) return [field, 1_144.1 - 210 * place];
        return [field, 1_610.7 - 230 * place];
      }),
    );
  const data = Array.from({ length: isGrouped ? routes.length : 1 }, (_, place) => row(place));
  const meta = {
    fields: Object.fromEntries(fields.map((field) => [field, 'duration'])),
    units: { 'avg(span.duration)': 'millisecond' },
  };
  return { data, meta: { ...meta, dataset: asked.get('dataset') } };
}

function series(asked) {
  const now = Math.floor(Date.now() / MINUTE_MS);
  const values = Array.from({ length: 60 }, (_, place) => ({
    timestamp: (now - 59 + place) * MINUTE_MS,
    value: 150 + 40 * Math.sin(place / 6),
    incomplete: place > 57,
    sampleCount: 120,
    sampleRate: 1,
  }));
  const meta = {
    valueType: 'duration',
    valueUnit: 'millisecond',
    interval: MINUTE_MS,
  };
  return {
    timeSeries: [{ yAxis: asked.get('yAxis'), values, meta }],
    meta: { dataset: asked.get('dataset') },
  };
}

function sessions(asked) {
  const isDay = asked.get('statsPeriod') === '24h';
  const totals = {
    'crash_free_rate(user)': isDay ? 0.9924 : 0.98,
    'crash_free_rate(session)': isDay ? 0.9985 : null,
    'sum(session)': isDay ? 18_420 : 810,
    'count_unique(user)': isDay ? 3_102 : 97,
  };
  return { groups: [{ by: {}, totals }], intervals: [], query: '' };
}

const LIMITS = {
  'x-sentry-rate-limit-limit': '40',
  'x-sentry-rate-limit-remaining': '38',
};

/** What Sentry answers: status, body, headers. */
function sentry(path, asked) {
  switch (path.split('/').at(-2)) {
    case 'projects':
      return [200, [{ id: '4501', slug: 'web', platform: 'python' }], LIMITS];
    case 'issues': {
      const hits = ISSUES[asked.get('query')] ?? 0;
      const listed = TITLES.slice(0, Math.min(hits, Number(asked.get('limit') ?? 25))).map((_, place) => issue(place));
      return [200, listed, { ...LIMITS, 'x-hits': String(hits), 'x-max-hits': '1000' }];
    }
    case 'sessions':
      return [200, sessions(asked), LIMITS];
    case 'events':
      return [200, transactions(asked), LIMITS];
    case 'events-timeseries':
      return [200, series(asked), LIMITS];
    default:
      return [404, { detail: 'The requested resource does not exist' }, {}];
  }
}

const MONITORS = [
  ['clinic.example', 'UP'],
  ['api.clinic.example', 'UP'],
  ['reports.clinic.example', 'DOWN'],
  ['old.clinic.example', 'PAUSED'],
];

function monitor([name, status], place) {
  return {
    id: 777_749_800 + place,
    friendlyName: name,
    url: `https://${name}`,
    type: 'HTTP',
    status,
    interval: 300,
    timeout: 30,
    currentStateDuration: 3_600,
    lastIncidentId: '9',
    tags: [],
    lastIncident: {
      id: '9',
      status: 'RESOLVED',
      cause: 1,
      reason: 'Connection timeout',
      startedAt: new Date(Date.now() - 3_600_000).toISOString(),
      duration: 173,
    },
    lastDayUptimes: {
      bucketSize: 43_200,
      histogram: [{ timestamp: 1, uptime: 100 }],
    },
    sslExpiryDateTime: new Date(Date.now() + 30 * 86_400_000).toISOString(),
  };
}

/** What UptimeRobot answers in the third version of its API. */
function uptimerobot(path) {
  if (path.endsWith('/stats/uptime'))
    return [
      200,
      {
        uptime: 99.972,
        total_downtime_seconds: 173,
        incident_count: 1,
        mtbf: null,
      },
      {},
    ];
  if (path.endsWith('/stats/response-time'))
    return [
      200,
      {
        summary: { avg: 184.2, min: 90, max: 410 },
        data_points: 2,
        time_series: [],
      },
      {},
    ];
  return [200, { data: MONITORS.map(monitor), nextLink: null }, {}];
}

/** Both vendors at one address, until it is closed. */
export class Vendors {
  constructor() {
    this.isRefusing = false;
    this.server = createServer((request, answer) => {
      const { pathname, searchParams } = new URL(request.url, 'http://vendors');
      const isKnown = request.headers.authorization === `Bearer ${VENDOR_KEY}` && !this.isRefusing;
      const [status, body, headers] = isKnown
        ? pathname.startsWith('/v3/')
          ? uptimerobot(pathname)
          : sentry(pathname, searchParams)
        : [401, { detail: 'Invalid token' }, {}];
      answer.writeHead(status, {
        'content-type': 'application/json',
        ...headers,
      });
      answer.end(JSON.stringify(body));
    });
  }

  async ready() {
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async remove() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}
