// What a page is about, for an export that names no metrics: the resource of its address, or what its charts show.

import type { Metric } from '../boards/metrics';
import type { ExportWish } from './wish';

/** Chosen beforehand at most; everything else is one click away. */
const CHOSEN_MAX = 6;

const OF_MACHINES = ['system.cpu.time', 'system.memory.usage', 'system.disk.io', 'system.network.io'];
const OF_CONTAINERS = ['container.cpu.time', 'container.memory.working_set'];
const OF_REQUESTS = ['http.server.request.rate', 'http.server.request.duration', 'http.server.request.error_ratio'];

/** What the pages are about, by their address; the first that exist are chosen. */
const PAGES: Record<string, readonly string[]> = {
  '/': [...OF_REQUESTS, ...OF_MACHINES],
  '/requests': [...OF_REQUESTS, 'http.server.request.apdex'],
  '/errors': ['http.server.request.error_ratio', 'farol.errors', 'sentry.crash_free_ratio'],
  '/cache': ['redis.hit_ratio', 'redis.memory.used', 'redis.commands.processed'],
  '/queues': ['celery.queue.length', 'rabbitmq.queue.messages', 'rabbitmq.messages'],
  '/uptime': ['farol.check.state', 'farol.check.duration', 'farol.users.online'],
  '/health': ['farol.check.state', 'farol.check.duration'],
  '/events': ['farol.events'],
  '/monitoring': OF_MACHINES,
};

/** The metrics that are chosen when the dialog opens. */
export function chosenFor(wish: ExportWish, path: string, all: readonly Metric[], resource: number | null): string[] {
  if (wish.metrics !== undefined && wish.metrics.length > 0) return [...wish.metrics];
  const here = resource === null ? all : all.filter(({ resources }) => resources.has(resource));
  const names = new Set(here.map(({ name }) => name));
  const wanted =
    resource === null ? (PAGES[path] ?? PAGES['/'] ?? []) : [...OF_CONTAINERS, ...OF_MACHINES, ...OF_REQUESTS];
  const found = wanted.filter((name) => names.has(name));
  return (found.length > 0 ? found : [...names]).slice(0, CHOSEN_MAX);
}

/** The resource whose page is on screen. */
export function resourceOf(path: string): number | null {
  const id = /^\/resource\/(\d+)$/.exec(path)?.[1];
  return id === undefined ? null : Number(id);
}
