// Which overlay is open. Apart from the overlays, whose code comes after the page.

import { signal } from '@preact/signals';

export const isSearchOpen = signal(false);
export const isSheetOpen = signal(false);
export const isMoreOpen = signal(false);
export const isRangeOpen = signal(false);
