// An address that leads nowhere.

import { t } from '../i18n/index';
import { Shell } from '../shell/shell';
import { href } from '../state/route';
import { Empty } from '../ui/parts';

interface Props {
  title?: string;
  text?: string;
}

export function NotFound({ title = t.value.notFound, text = t.value.notFoundText }: Props) {
  return (
    <Shell title={title} ranges="none">
      <section class="card">
        <div class="b">
          <Empty icon="ghost" title={title} text={text}>
            <a class="btn" href={href('/')}>
              {t.value.toOverview}
            </a>
          </Empty>
        </div>
      </section>
    </Shell>
  );
}
