// The words of signing in, in the language in force.

import { computed } from '@preact/signals';

import { enAccess } from './en-access';
import { lang } from './index';
import { ptAccess } from './pt-access';

export const access = computed(() => (lang.value === 'en' ? enAccess : ptAccess));
