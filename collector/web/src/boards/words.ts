// The words of these pages: a catalogue of their own, so that the first page does not carry them.

import { computed } from '@preact/signals';

import { enBoards } from '../i18n/en-boards';
import { lang } from '../i18n/index';
import { ptBoards } from '../i18n/pt-boards';

/** The catalogue in force; read it as `b.value.key` inside a component. */
export const b = computed(() => (lang.value === 'en' ? enBoards : ptBoards));
