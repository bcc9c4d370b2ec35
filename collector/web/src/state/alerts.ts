// How many alerts are open: all that the frame of every page shows of them. The alerts' own code fills it.

import { computed, signal } from '@preact/signals';

export const openCount = signal({ critical: 0, warning: 0 });

export const openAll = computed(() => openCount.value.critical + openCount.value.warning);

/** The colour of the count: of the gravest that is open. */
export function openClass(): 'crit' | 'warn' {
  return openCount.value.critical > 0 ? 'crit' : 'warn';
}
