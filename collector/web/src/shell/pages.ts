// The pages that the navigation leads to, in its order.

import { mayMonitor } from '../state/roles';
import type { IconName } from '../ui/icon';

export interface PageRow {
  path: string;
  icon: IconName;
  word:
    | 'overview'
    | 'requests'
    | 'errors'
    | 'cache'
    | 'queues'
    | 'uptime'
    | 'alerts'
    | 'events'
    | 'health'
    | 'integrations'
    | 'boards'
    | 'monitoring'
    | 'settings';
  /** The single key that leads there. */
  key: string;
  /** Whether it has a place in the phone's tab bar. */
  isTab: boolean;
  /** It stands apart at the foot of the sidebar: what is set up rather than watched. */
  isFoot?: boolean;
}

export const PAGES: readonly PageRow[] = [
  { path: '/', icon: 'grid', word: 'overview', key: 'o', isTab: true },
  { path: '/requests', icon: 'pulse', word: 'requests', key: 'r', isTab: true },
  // E exports, as the sheet of keys says.
  { path: '/errors', icon: 'bug', word: 'errors', key: 'x', isTab: true },
  { path: '/cache', icon: 'db', word: 'cache', key: 'c', isTab: false },
  { path: '/queues', icon: 'layers', word: 'queues', key: 'q', isTab: false },
  { path: '/uptime', icon: 'globe', word: 'uptime', key: 'u', isTab: false },
  { path: '/alerts', icon: 'bell', word: 'alerts', key: 'a', isTab: true },
  { path: '/events', icon: 'list', word: 'events', key: 'n', isTab: false },
  { path: '/health', icon: 'heart', word: 'health', key: 'h', isTab: false },
  { path: '/boards', icon: 'board', word: 'boards', key: 'b', isTab: false },
  { path: '/monitoring', icon: 'gauge', word: 'monitoring', key: 'm', isTab: false },
  { path: '/integrations', icon: 'plug', word: 'integrations', key: 'i', isTab: false, isFoot: true },
  { path: '/settings', icon: 'unit', word: 'settings', key: ',', isTab: false, isFoot: true },
];

/** The pages that the signed-in person may see: a whole page that is refused has no link. */
export function openPages(): PageRow[] {
  return PAGES.filter((page) => page.path !== '/monitoring' || mayMonitor());
}

/** Parts of the alerts with addresses of their own. */
const OF_ALERTS = ['/alerts', '/alerts/history', '/rules', '/silences', '/channels'];

export function isAlerts(path: string): boolean {
  return OF_ALERTS.includes(path);
}

/** The page of an address; one with parts of its own is named by the first. A dashboard is one of its list's. */
export function pageAt(path: string): PageRow | undefined {
  const parts: [boolean, string][] = [
    [path.startsWith('/settings/') || path === '/add-agent', '/settings'],
    [path.startsWith('/d/'), '/boards'],
    [isAlerts(path), '/alerts'],
  ];
  const top = parts.find(([isOf]) => isOf)?.[1] ?? path;
  return PAGES.find((page) => page.path === top);
}
