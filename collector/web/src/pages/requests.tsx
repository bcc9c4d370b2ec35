// Requests of the applications: how many, how fast, which fail, which are slow, and for whom.

import { useMemo } from 'preact/hooks';

import { useServiceBands } from '../alerts/bands';
import { requests } from '../api/client';
import { DataChart } from '../chart/chart';
import { lang, t } from '../i18n/index';
import { useAnswer, type Answer } from '../live/answer';
import * as clock from '../live/clock';
import { isLoaded } from '../live/fleet';
import { countData, countSpec, latencyData, latencySpec, latencyStep } from '../requests/charts';
import { Figures } from '../requests/figures';
import { LAST, LastRequests } from '../requests/last';
import { Endpoints, Slowest, StatusSplit, Tenants } from '../requests/tables';
import { Shell } from '../shell/shell';
import { scopeAt, scopeKey, service, services, shown, tenant } from '../state/scope';
import { AnswerCard, Failed } from '../ui/card';
import { Filters } from '../ui/filters';
import { HowTo, Snippets } from '../ui/how-to';
import type { LatencyAnswer } from '../api/types';

const TOP = 10;

function useScoped<T>(ask: (scope: ReturnType<typeof scopeAt>, signal: AbortSignal) => Promise<T>): Answer<T> {
  return useAnswer(scopeKey.value, shown.value.every, (signal) => ask(scopeAt(clock.now()), signal));
}

function Charts({ answer }: { answer: Answer<LatencyAnswer> }) {
  const { data, failure, retry } = answer;
  const latency = useMemo(latencySpec, [lang.value]);
  const counts = useMemo(countSpec, [lang.value]);
  const times = useMemo(() => data && latencyData(data, shown.peek().isLive), [data]);
  const bands = useServiceBands();
  const amounts = useMemo(() => data && countData(data, shown.peek().isLive), [data]);
  return (
    <div class="g12">
      <DataChart spec={latency} data={times} failure={failure} onRetry={retry} bands={bands} class="c8" />
      <DataChart spec={counts} data={amounts} failure={failure} onRetry={retry} bands={bands} class="c4" />
    </div>
  );
}

function Body() {
  const m = t.value;
  const latency = useScoped((scope, signal) => requests.latency(scope, latencyStep(scope.to - scope.from), signal));
  const recent = useScoped((scope, signal) => requests.recent(scope, LAST, signal));
  const slow = useScoped((scope, signal) => requests.slow(scope, TOP, signal));
  const endpoints = useScoped((scope, signal) => requests.endpoints(scope, TOP, signal));
  const tenants = useScoped((scope, signal) => requests.tenants(scope, TOP, signal));
  const isNothing = latency.data?.total.count === 0 && recent.data?.requests.length === 0;
  if (isNothing && services.value.length === 0 && isLoaded.value) {
    return (
      <HowTo icon="pulse" title={m.noRequestsTitle} text={m.noRequestsText}>
        <Snippets kinds={['proxy', 'django', 'fastapi', 'express', 'otlp']} />
      </HowTo>
    );
  }
  return (
    <>
      <Filters />
      {latency.data === null && latency.failure !== null ? (
        <section class="card">
          <div class="b">
            <Failed text={latency.failure} onRetry={latency.retry} />
          </div>
        </section>
      ) : (
        <AnswerCard id="figures" title={m.keyFigures} class="figures" isFlush answer={latency} height={96}>
          {(data) => <Figures answer={data} />}
        </AnswerCard>
      )}
      <Charts answer={latency} />
      <div class="g12">
        <Endpoints answer={endpoints} />
        <div class="c5 stack">
          <LastRequests answer={recent} />
          <StatusSplit answer={latency} />
        </div>
      </div>
      <Slowest answer={slow} />
      {tenant.value === null && <Tenants answer={tenants} />}
    </>
  );
}

export function RequestsPage() {
  // Another service is another page: nothing of the first may stay on screen as if it were the second's.
  return (
    <Shell title={t.value.requests} ranges="any">
      <Body key={`${service.value ?? ''} ${tenant.value ?? ''}`} />
    </Shell>
  );
}
