// Events of the applications: live, by type, with the figures that are made of them.

import { useRef } from 'preact/hooks';

import { Derived } from '../events/derived';
import { EventsChart } from '../events/chart';
import { Feed, TypeChips, useEvents } from '../events/feed';
import { t } from '../i18n/index';
import { isLoaded } from '../live/fleet';
import { Shell } from '../shell/shell';
import { service, services, tenant } from '../state/scope';
import { Filters } from '../ui/filters';
import { HowTo, Snippets } from '../ui/how-to';

function Body() {
  const m = t.value;
  const card = useRef<HTMLElement>(null);
  const { list, answer } = useEvents(() => card.current);
  const isNothing = answer.data?.counts.length === 0 && list.rows.value.length === 0;
  if (isNothing && services.value.length === 0 && isLoaded.value) {
    return (
      <HowTo icon="list" title={m.noEventsEver} text={m.noEventsEverText}>
        <Snippets kinds={['events', 'statsd']} />
      </HowTo>
    );
  }
  return (
    <>
      <Filters>
        <TypeChips answer={answer} />
      </Filters>
      {answer.data && <Derived figures={answer.data.derived} />}
      <EventsChart />
      <Feed list={list} answer={answer} card={card} />
    </>
  );
}

export function EventsPage() {
  return (
    <Shell title={t.value.events} ranges="any">
      <Body key={`${service.value ?? ''} ${tenant.value ?? ''}`} />
    </Shell>
  );
}
