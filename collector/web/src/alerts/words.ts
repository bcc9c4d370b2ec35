// The words of the alerts' pages: catalogues of their own, so that the first page does not carry them.

import { computed } from '@preact/signals';

import { enAlerts } from '../i18n/en-alerts';
import { enRules } from '../i18n/en-rules';
import { lang } from '../i18n/index';
import { ptAlerts } from '../i18n/pt-alerts';
import { ptRules } from '../i18n/pt-rules';

/** Alerts, incidents, history, silences; read it as `a.value.key` inside a component. */
export const a = computed(() => (lang.value === 'en' ? enAlerts : ptAlerts));

/** Rules and channels. */
export const r = computed(() => (lang.value === 'en' ? enRules : ptRules));
