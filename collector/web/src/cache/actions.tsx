// What may be done to the keys of one Redis, or how the configuration lets it be done.

import { t } from '../i18n/index';
import { Icon } from '../ui/icon';
import { Command } from '../ui/parts';
import { DangerZone } from './flush';
import { InspectCard } from './inspect';
import { PatternCard } from './pattern';
import { RecentActions } from './recent';
import type { CacheShot } from './source';

/** Read-only is the default: whoever runs the collector decides, not the page. */
function ReadOnly({ instance }: { instance: string }) {
  const m = t.value;
  return (
    <section class="card" aria-labelledby="readonly">
      <header>
        <h2 id="readonly">{m.readOnlyTitle}</h2>
      </header>
      <div class="b readonly">
        <p class="row">
          <Icon name="shield" />
          <span class="grow">{m.readOnlyText(instance)}</span>
        </p>
        <Command text="allow_actions = true" />
      </div>
    </section>
  );
}

export function CacheActions({ shot }: { shot: CacheShot }) {
  if (!shot.allow_actions) {
    return (
      <>
        <ReadOnly instance={shot.instance} />
        <RecentActions />
      </>
    );
  }
  return (
    <>
      <div class="g12">
        <InspectCard key={shot.instance} shot={shot} />
        <div class="c5 stack actions">
          <PatternCard key={shot.instance} shot={shot} />
          <DangerZone key={shot.instance} shot={shot} />
        </div>
      </div>
      <RecentActions />
    </>
  );
}
