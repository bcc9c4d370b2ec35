// The quadrant of the overview about cache.

import { t } from '../i18n/index';

export function CacheQuadrant() {
  return (
    <section class="card" aria-labelledby="q-cache">
      <header>
        <h2 id="q-cache">{t.value.cache}</h2>
      </header>
    </section>
  );
}
