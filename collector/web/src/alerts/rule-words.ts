// The words of rules and channels: apart from those of alerts, that the overview needs as well.

import { computed } from '@preact/signals';

import { enRules } from '../i18n/en-rules';
import { lang } from '../i18n/index';
import { ptRules } from '../i18n/pt-rules';

/** The catalogue in force; read it as `r.value.key` inside a component. */
export const r = computed(() => (lang.value === 'en' ? enRules : ptRules));
