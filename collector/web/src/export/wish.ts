// What somebody wants to export; the dialog opens with it. Apart from the dialog, which is a chunk of its own.

import { signal } from '@preact/signals';

export interface ExportWish {
  /** Of what: the chart's or the widget's title. */
  title?: string;
  /** None: what the page on screen is about. */
  metrics?: readonly string[];
  /** Numbers of resources; none means all. */
  resources?: readonly number[];
  attributes?: Record<string, string>;
  aggregate?: string;
  /** A period of its own, in milliseconds, in place of the page's. */
  ms?: number;
}

export const exportWish = signal<ExportWish | null>(null);

/** What the page on screen is about, where its address does not say it. */
export const pageWish = signal<ExportWish | null>(null);

/** Opens the dialog for the page on screen. */
export function exportPage(): void {
  exportWish.value = pageWish.peek() ?? {};
}
