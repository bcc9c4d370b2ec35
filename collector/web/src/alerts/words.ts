// The words of alerts, incidents, history and silences: a catalogue of their own, so that the first page does not carry it.

import { computed } from '@preact/signals';

import { enAlerts } from '../i18n/en-alerts';
import { lang } from '../i18n/index';
import { ptAlerts } from '../i18n/pt-alerts';

/** The catalogue in force; read it as `a.value.key` inside a component. */
export const a = computed(() => (lang.value === 'en' ? enAlerts : ptAlerts));
