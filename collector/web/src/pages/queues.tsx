// The page about queues.

import { t } from '../i18n/index';
import { Shell } from '../shell/shell';

export function QueuesPage() {
  return (
    <Shell title={t.value.queues} ranges="any">
      {null}
    </Shell>
  );
}
