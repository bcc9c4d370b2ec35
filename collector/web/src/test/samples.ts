// Resources for tests. The page itself never shows these.

import type { Latest, ResourceRow } from '../api/types';

const NOTHING: Latest = {
  cpu_ratio: null,
  cpu_used: null,
  cpu_limit: null,
  memory_used: null,
  memory_limit: null,
  memory_ratio: null,
  disk_ratio: null,
  disk_mount: null,
  network_in: null,
  network_out: null,
  disk_read: null,
  disk_write: null,
  pressure_cpu: null,
  pressure_memory: null,
  pressure_io: null,
  throttled_ratio: null,
  oom_kills: null,
  uptime: null,
  request_rate: null,
  error_ratio: null,
  p95: null,
};

export function latest(some: Partial<Latest> = {}): Latest {
  return { ...NOTHING, ...some };
}

export function sample(id: number, some: Partial<ResourceRow> = {}): ResourceRow {
  return {
    id,
    key: `host:web-${id}`,
    name: `web-${id}`,
    kind: 'host',
    parent: null,
    tenant: null,
    attributes: { 'host.name': `web-${id}` },
    agent: `web-${id}`,
    first_seen: 0,
    last_seen: 1_000_000,
    interval_ms: 1_000,
    status: 'ok',
    reasons: [],
    latest: latest({
      cpu_ratio: 0.5,
      cpu_used: 1,
      cpu_limit: 2,
      memory_ratio: 0.25,
      memory_used: 1024,
      memory_limit: 4096,
    }),
    ...some,
  };
}
