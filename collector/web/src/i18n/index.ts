// The language of the page: chosen by the person, else by the browser, else Brazilian Portuguese. Switches without reload.

import { computed, effect, signal } from '@preact/signals';

import type { Catalog } from './catalog';
import { en } from './en';
import { pt } from './pt';
import { recall, remember } from '../state/store';

export type Lang = 'pt-BR' | 'en';

export const CATALOGS: Record<Lang, Catalog> = { 'pt-BR': pt, en };

/** The language for what was stored and what the browser prefers, in this order. */
export function choose(stored: string | null, preferred: readonly string[]): Lang {
  if (stored === 'pt-BR' || stored === 'en') return stored;
  for (const tag of preferred) {
    if (/^pt\b/i.test(tag)) return 'pt-BR';
    if (/^en\b/i.test(tag)) return 'en';
  }
  return 'pt-BR';
}

export const lang = signal<Lang>(choose(recall('lang'), navigator.languages));

/** The catalogue in force; read it as `t.value.key` inside a component. */
export const t = computed<Catalog>(() => CATALOGS[lang.value]);

effect(() => {
  document.documentElement.lang = lang.value;
});

/** Takes the person's choice and remembers it. */
export function setLang(next: Lang): void {
  lang.value = next;
  remember('lang', next);
}
