// The page about cache.

import { t } from '../i18n/index';
import { Shell } from '../shell/shell';

export function CachePage() {
  return (
    <Shell title={t.value.cache} ranges="any">
      {null}
    </Shell>
  );
}
