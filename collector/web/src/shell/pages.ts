// The pages that the navigation leads to, in its order.

import type { IconName } from '../ui/icon';

export interface PageRow {
  path: string;
  icon: IconName;
  word: 'overview' | 'requests' | 'errors' | 'events' | 'health';
  /** The single key that leads there. */
  key: string;
  /** Whether it has a place in the phone's tab bar. */
  isTab: boolean;
}

export const PAGES: readonly PageRow[] = [
  { path: '/', icon: 'grid', word: 'overview', key: 'o', isTab: true },
  { path: '/requests', icon: 'pulse', word: 'requests', key: 'r', isTab: true },
  { path: '/errors', icon: 'bug', word: 'errors', key: 'e', isTab: true },
  { path: '/events', icon: 'list', word: 'events', key: 'n', isTab: false },
  { path: '/health', icon: 'heart', word: 'health', key: 'h', isTab: true },
];
