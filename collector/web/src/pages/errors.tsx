// Errors of the applications: when, of which types, and the critical logs.

import { useMemo } from 'preact/hooks';

import { useServiceBands } from '../alerts/bands';
import { told } from '../api/client';
import { DataChart } from '../chart/chart';
import { SentryPart, useSentry } from '../errors/sentry';
import { ErrorTypes, TYPES_SHOWN } from '../errors/types';
import { Logs, LogsHowTo } from '../errors/logs';
import { lang, t } from '../i18n/index';
import { useAnswer, useSettled } from '../live/answer';
import * as clock from '../live/clock';
import { isLoaded } from '../live/fleet';
import { barStep, errorsData, errorsSpec } from '../requests/charts';
import { Shell } from '../shell/shell';
import { param } from '../state/route';
import { scopeAt, scopeKey, service, services, shown, tenant } from '../state/scope';
import { Filters } from '../ui/filters';
import { Skeleton } from '../ui/parts';

const HOUR = 3_600_000;

/** The step of the bars: hours over a day or two, finer over less, coarser over more. */
function hoursStep(ms: number): number {
  return ms > 12 * HOUR && ms <= 60 * HOUR ? HOUR : barStep(ms);
}

function Body({ isHeld }: { isHeld: boolean }) {
  const key = scopeKey.value;
  const step = hoursStep(shown.value.ms);
  const hours = useAnswer(key, shown.value.every, async (signal) => {
    const scope = scopeAt(clock.now());
    return { scope, ...(await told.errorHours(scope, step, signal)) };
  });
  const types = useAnswer(key, shown.value.every, (signal) =>
    told.errorTypes(scopeAt(clock.now()), TYPES_SHOWN, signal),
  );
  const spec = useMemo(() => errorsSpec(step === HOUR), [lang.value, step]);
  const bars = useMemo(() => hours.data && errorsData(hours.data, hours.data.scope), [hours.data]);
  const bands = useServiceBands();
  const isSettled = useSettled([hours, types]);
  if (isHeld) return <Skeleton height={480} />;
  if (!isSettled) {
    return (
      <>
        <Filters />
        <Skeleton height={480} />
      </>
    );
  }
  const isQuiet = hours.data?.hours.every((row) => row.requests_failed + row.exceptions + row.log_errors === 0);
  const isNothing = isQuiet === true && types.data?.length === 0;
  if (isNothing && services.value.length === 0 && isLoaded.value) return <LogsHowTo />;
  return (
    <>
      <Filters />
      <DataChart spec={spec} data={bars} failure={hours.failure} onRetry={hours.retry} bands={bands} />
      <ErrorTypes answer={types} />
      <Logs />
    </>
  );
}

/** What Sentry says stands above: the rest takes its place once that is known. */
function Parts() {
  const sentry = useSentry();
  const isSettled = useSettled([sentry]);
  return (
    <>
      {isSettled && <SentryPart key={param('sentry') ?? ''} answer={sentry} />}
      <Body key={`${service.value ?? ''} ${tenant.value ?? ''}`} isHeld={!isSettled} />
    </>
  );
}

export function ErrorsPage() {
  return (
    <Shell title={t.value.errors} ranges="any">
      <Parts />
    </Shell>
  );
}
