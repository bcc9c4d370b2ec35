// Dashboards and figures for tests, shaped as the collector answers them. The page itself never shows these.

import { vi } from 'vitest';

import type { Board, BoardRow, Widget } from '../api/boards';

export function widgetSample(some: Partial<Widget> = {}): Widget {
  return {
    id: 'a',
    widget_type: 'text',
    title: 'Note',
    config: { text: 'hello' },
    position: { x: 0, y: 0, width: 4, height: 2 },
    ...some,
  };
}

export function boardSample(some: Partial<Board> = {}): Board {
  return {
    slug: 'sales',
    title: 'Sales',
    owner: 'marina',
    shared: false,
    tenant: null,
    revision: 7,
    updated: 1_800_000_000_000,
    mine: true,
    editable: true,
    widgets: [widgetSample(), widgetSample({ id: 'b', title: 'Other', position: { x: 4, y: 0, width: 4, height: 2 } })],
    ...some,
  };
}

export function boardRowSample(some: Partial<BoardRow> = {}): BoardRow {
  return { ...boardSample(), widgets: 2, ...some };
}

export interface Asked {
  method: string;
  path: string;
  body: unknown;
}

/** Answers by the beginning of the path, the first that fits; remembers what was asked. */
export function serve(answers: Record<string, unknown>): Asked[] {
  const asked: Asked[] = [];
  vi.stubGlobal('fetch', (input: string, init: RequestInit = {}) => {
    const { pathname, search } = new URL(input);
    const method = init.method ?? 'GET';
    const path = pathname.replace(/^\//, '') + search;
    asked.push({ method, path, body: typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : null });
    const key = Object.keys(answers).find((one) => `${method} ${path}`.startsWith(one));
    const found = key === undefined ? { status: 404, detail: 'nothing here' } : answers[key];
    const status = (found as { status?: number } | null)?.status ?? (method === 'POST' ? 201 : 200);
    const body = status === 204 ? null : JSON.stringify(found);
    return Promise.resolve(new Response(body, { status }));
  });
  return asked;
}

/** Everything is on screen: tests have no layout. */
export function seeEverything(): void {
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      readonly #tell: (entries: { isIntersecting: boolean }[]) => void;
      constructor(tell: (entries: { isIntersecting: boolean }[]) => void) {
        this.#tell = tell;
      }
      observe(): void {
        this.#tell([{ isIntersecting: true }]);
      }
      disconnect(): void {
        // Nothing was kept.
      }
    },
  );
}
