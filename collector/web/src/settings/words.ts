// The words of the settings in the language in force; they come with the settings, not with the first page.

import { computed } from '@preact/signals';

import { enSettings } from '../i18n/en-settings';
import { lang } from '../i18n/index';
import { ptSettings } from '../i18n/pt-settings';

export const s = computed(() => (lang.value === 'en' ? enSettings : ptSettings));
