// The collector's own machine at a glance: figures, services, a short line of both, and the newest critical logs.

import { useMemo } from 'preact/hooks';

import '../css/monitoring.css';
import { b } from '../boards/words';
import { DataChart } from '../chart/chart';
import { span } from '../i18n/format';
import { lang, t } from '../i18n/index';
import { now } from '../live/feed';
import { Shell } from '../shell/shell';
import { mayMonitor } from '../state/roles';
import { Failed } from '../ui/card';
import { Icon } from '../ui/icon';
import { Empty, Skeleton } from '../ui/parts';
import { SystemFigures } from './cards';
import { systemData, systemSpec } from './chart';
import { CriticalLogs } from './logs';
import { useMonitored } from './source';

/** Three messages missed. */
const STALE_MS = 15_000;

function Body() {
  const m = b.value;
  const { history, isPolled, failure, retry } = useMonitored();
  const { newest } = history;
  const samples = history.samples.value;
  const spec = useMemo(systemSpec, [lang.value]);
  const data = useMemo(() => systemData(samples), [samples]);
  const age = newest === null ? 0 : now.value - newest.at;
  const isStale = age > STALE_MS;
  if (newest === null && failure !== null) {
    return (
      <section class="card">
        <div class="b">
          <Failed text={failure} onRetry={retry} />
        </div>
      </section>
    );
  }
  return (
    <>
      <p class="sub">{m.monitoringSub}</p>
      {isPolled && failure === null && newest !== null && (
        <p class="note warn" role="status">
          <Icon name="warn" />
          <span class="grow">{m.byPolling}</span>
        </p>
      )}
      <section class={`card figures ${isStale ? 'stale' : ''}`} aria-labelledby="sys-figures" data-system={newest?.at}>
        <header>
          <h2 id="sys-figures">{t.value.keyFigures}</h2>
          {isStale && <span class="src warn">{t.value.staleFor(span(age))}</span>}
        </header>
        <div class={`b flush ${isStale ? 'dimv' : ''}`}>
          <SystemFigures stats={newest?.stats ?? null} />
        </div>
      </section>
      <div class="g12">
        {data ? (
          <DataChart spec={spec} data={data} failure={null} onRetry={retry} class="c7" />
        ) : (
          <section class="card c7" aria-labelledby="sys-wait">
            <header>
              <h2 id="sys-wait">{spec.title}</h2>
            </header>
            <div class="b">
              <Skeleton height={274} />
            </div>
          </section>
        )}
        <div class="c5 sys-side">
          <CriticalLogs />
        </div>
      </div>
    </>
  );
}

export function MonitoringPage() {
  const m = b.value;
  return (
    <Shell title={t.value.monitoring} ranges="none">
      {mayMonitor() ? (
        <Body />
      ) : (
        <section class="card">
          <div class="b">
            <Empty icon="shield" title={m.noneMonitoring} text={m.noneMonitoringText} />
          </div>
        </section>
      )}
    </Shell>
  );
}
