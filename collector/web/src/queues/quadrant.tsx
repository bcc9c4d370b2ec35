// The quadrant of the overview about queues.

import { t } from '../i18n/index';

export function QueuesQuadrant() {
  return (
    <section class="card" aria-labelledby="q-queues">
      <header>
        <h2 id="q-queues">{t.value.queues}</h2>
      </header>
    </section>
  );
}
