// The address: a hash route with parameters, so that it works under any prefix and Back restores what was seen.

import { computed, signal } from '@preact/signals';

import { defaultRange, fromParams, zoomFromParams } from '../time/range';

export interface Route {
  path: string;
  params: URLSearchParams;
}

/** Reads "#/resource/12?range=1h". */
export function parse(hash: string): Route {
  const text = hash.replace(/^#/, '') || '/';
  const cut = text.indexOf('?');
  const path = cut < 0 ? text : text.slice(0, cut);
  return {
    path: path.startsWith('/') ? path : `/${path}`,
    params: new URLSearchParams(cut < 0 ? '' : text.slice(cut)),
  };
}

export function format(path: string, params: URLSearchParams): string {
  const search = params.toString();
  return `#${path}${search === '' ? '' : `?${search}`}`;
}

export const route = signal<Route>(parse(location.hash));

/** The path alone, so that a changed parameter does not build the page anew. */
export const path = computed(() => route.value.path);
export const range = computed(() => fromParams(route.value.params, defaultRange(route.value.path)), { name: 'range' });
export const zoom = computed(() => zoomFromParams(route.value.params));

/** One parameter of the address. */
export function param(name: string): string | null {
  return route.value.params.get(name);
}

/** Pages that show what applications tell: which service and tenant is meant goes along between them. */
const SCOPED = ['/requests', '/errors', '/events'];

/** The parameters that go along from page to page. */
function kept(to: string): URLSearchParams {
  const here = route.peek();
  const isScoped = SCOPED.includes(here.path) && SCOPED.includes(to);
  const params = new URLSearchParams();
  for (const name of ['range', 'from', 'to', ...(isScoped ? ['service', 'tenant'] : [])]) {
    const value = here.params.get(name);
    if (value !== null) params.set(name, value);
  }
  return params;
}

/** The address of another page, with the range of this one. */
export function href(to: string): string {
  // Reads the route so that links follow a changed range.
  void route.value;
  return format(to, kept(to));
}

/** The same with parameters of its own. */
export function hrefWith(to: string, own: Record<string, string>): string {
  void route.value;
  const params = kept(to);
  for (const [name, value] of Object.entries(own)) params.set(name, value);
  return format(to, params);
}

type Hold = (next: Route, hash: string) => boolean;

let hold: Hold | null = null;

/** Asks `act` before another address is shown; true keeps this one. Until the returned function is called. */
export function holdRoute(act: Hold): () => void {
  hold = act;
  return () => {
    if (hold === act) hold = null;
  };
}

/** Whether what is on screen asks before this address is shown. */
export function isHeld(hash: string): boolean {
  return hold?.(parse(hash), hash) === true;
}

/** Takes in what the browser's address has become, unless what is on screen wants to ask first. */
function follow(): void {
  if (isHeld(location.hash)) {
    const here = route.peek();
    history.pushState(null, '', format(here.path, here.params));
    return;
  }
  route.value = parse(location.hash);
}

export function go(to: string): void {
  const hash = format(to, kept(to));
  if (!isHeld(hash)) location.hash = hash.slice(1);
}

/**
 * Changes parameters of this page; null removes one. `isReplace` leaves no step in the history: the page's own doing, which is
 * not asked about.
 */
export function setParams(changes: Record<string, string | null>, isReplace = false): void {
  const { path: here, params } = route.peek();
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(name);
    else next.set(name, value);
  }
  const hash = format(here, next);
  if (hash === location.hash || (!isReplace && isHeld(hash))) return;
  if (isReplace) history.replaceState(null, '', hash);
  else history.pushState(null, '', hash);
  route.value = parse(hash);
}

/** Back to the whole range. */
export function undoZoom(): void {
  setParams({ zoom: null });
}

addEventListener('hashchange', follow);
addEventListener('popstate', follow);
