// Dashboards that people made, over the API: what they are made of, and what may be done with them.

import { address, get, search, send } from './client';

export const WIDGET_TYPES = ['stat', 'line', 'bar', 'gauge', 'table', 'status', 'text'] as const;
export type WidgetType = (typeof WIDGET_TYPES)[number];

/** A place on the grid of twelve columns, in columns and rows. */
export interface Position {
  x: number;
  y: number;
  width: number;
  height: number;
}

export type Aggregate = 'mean' | 'min' | 'max' | 'sum' | 'last' | 'count' | 'rate' | 'increase' | 'raw';
export type Across = 'none' | 'sum' | 'mean' | 'max';

export interface WidgetConfig {
  /** Names of series, or of the figures that the collector makes of events. */
  metrics?: string[];
  /** Keys of resources; none means every one. */
  resources?: string[];
  attributes?: Record<string, string>;
  aggregate?: Aggregate;
  across?: Across;
  /** "1h", "7d"; the page's range when absent. */
  period?: string;
  min?: number;
  max?: number;
  warning?: number;
  critical?: number;
  unit?: string;
  text?: string;
  /** Of widgets that another program made with the type "chart". */
  chart_type?: string;
}

export interface Widget {
  id: string;
  widget_type: string;
  title: string;
  config: WidgetConfig;
  position: Position;
}

/** A dashboard in the list. */
export interface BoardRow {
  slug: string;
  title: string;
  owner: string;
  shared: boolean;
  tenant: string | null;
  /** How many. */
  widgets: number;
  updated: number;
  mine: boolean;
  editable: boolean;
}

export interface Board extends Omit<BoardRow, 'widgets'> {
  /** Grows with every change; a change has to name the one that it was made on. */
  revision: number;
  widgets: Widget[];
}

/** What is written into a file and read from one. */
export interface BoardFile {
  farol_board: 1;
  title: string;
  widgets: Widget[];
}

/** A figure that the collector makes of events and machines, over a period. */
export interface Figure {
  unit: string;
  /** Of the whole period, for what is counted. */
  total?: number | null;
  /** Now, for what goes up and down. */
  current?: number | null;
  points: [number, number | null][];
}

export type FigurePeriod = '1h' | '24h' | '7d' | '30d';

export interface FiguresAnswer {
  from: number;
  to: number;
  step: number;
  metrics: Record<string, Figure>;
}

/** A series as far as a search for metrics needs it. */
export interface MetricRow {
  resource: number;
  metric: string;
  unit: string;
  kind: string;
  attributes: Record<string, string>;
}

const BOARDS = 'api/v1/boards';
const one = (slug: string) => `${BOARDS}/${encodeURIComponent(slug)}`;

export const boards = {
  list: async (signal?: AbortSignal) => (await get<{ boards: BoardRow[] }>(BOARDS, signal)).boards,
  read: (slug: string, signal?: AbortSignal) => get<Board>(one(slug), signal),
  create: (order: { title: string; shared?: boolean; widgets?: Widget[] }) => send<Board>('POST', BOARDS, order),
  save: (slug: string, order: { title: string; shared: boolean; widgets: Widget[]; revision: number }) =>
    send<Board>('PUT', one(slug), order),
  remove: (slug: string) => send<undefined>('DELETE', one(slug)),
  take: (file: unknown) => send<Board>('POST', `${BOARDS}/import`, file),
  /** Where the file of a dashboard can be had. */
  fileUrl: (slug: string) => address(`${one(slug)}/export`),
  figures: (period: FigurePeriod, signal?: AbortSignal) =>
    get<FiguresAnswer>(`api/v1/dashboard/metrics?${search({ period })}`, signal),
  /** Every series, or those of some resources. */
  series: async (resources: readonly number[], signal?: AbortSignal) =>
    (await get<{ series: MetricRow[] }>(`api/v1/series?${search({ resource: resources.join() })}`, signal)).series,
};
