// Theme and single keys: the person's choices, remembered in the browser.

import { effect, signal } from '@preact/signals';

import { recall, remember } from './store';

export type Theme = 'dark' | 'light';

const root = document.documentElement;

export const theme = signal<Theme>(root.dataset['theme'] === 'light' ? 'light' : 'dark');
/** Single-key shortcuts can be switched off (WCAG 2.1.4). */
export const singleKeys = signal(recall('keys') !== 'off');

effect(() => {
  root.dataset['theme'] = theme.value;
});

export function toggleTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark';
  remember('theme', theme.value);
}

export function setSingleKeys(isOn: boolean): void {
  singleKeys.value = isOn;
  remember('keys', isOn ? 'on' : 'off');
}

// Until the person has chosen, the page follows the system.
if (typeof matchMedia === 'function') {
  matchMedia('(prefers-color-scheme: light)').addEventListener('change', (event) => {
    if (recall('theme') === null) theme.value = event.matches ? 'light' : 'dark';
  });
}
