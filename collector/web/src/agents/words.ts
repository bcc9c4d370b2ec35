// The words of adding an agent in the language in force; they come with that page, not with the first one.

import { computed } from '@preact/signals';

import { enAgents } from '../i18n/en-agents';
import { lang } from '../i18n/index';
import { ptAgents } from '../i18n/pt-agents';

export const a = computed(() => (lang.value === 'en' ? enAgents : ptAgents));
