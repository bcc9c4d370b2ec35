// What a page without data says: how an application's requests, errors, events and checks reach Farol.

import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

import { t } from '../i18n/index';
import type { IconName } from './icon';
import { Command, Empty } from './parts';

export type SnippetKind =
  'proxy' | 'django' | 'fastapi' | 'express' | 'otlp' | 'statsd' | 'events' | 'logs' | 'exec' | 'probes';

interface Snippet {
  name: string;
  text: string;
}

const JSON_HEADER = "-H 'Content-Type: application/json'";

/** Lines to copy; they are the same in every language. */
export const SNIPPETS: Record<SnippetKind, Snippet> = {
  proxy: { name: 'Proxy', text: 'FAROL_PROXY=0.0.0.0:8000=127.0.0.1:8001 farol-agent run' },
  django: {
    name: 'Django',
    text: "# settings.py, with farol_wsgi.py beside manage.py\nMIDDLEWARE = ['farol_wsgi.DjangoMiddleware', *MIDDLEWARE]",
  },
  fastapi: {
    name: 'FastAPI',
    text: '# with farol_asgi.py beside it\nimport farol_asgi\n\napp.add_middleware(farol_asgi.Middleware)',
  },
  express: {
    name: 'Express',
    text: "const farol = require('./farol-express');\n\napp.use(farol());\n// routes\napp.use(farol.errors);",
  },
  otlp: {
    name: 'OpenTelemetry',
    text: 'OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318\nOTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nOTEL_SERVICE_NAME=shop',
  },
  statsd: { name: 'StatsD', text: "printf '_e{5,10}:order|paid by pix|#service:shop' | nc -u -w0 127.0.0.1 8125" },
  events: {
    name: 'JSON',
    text: `curl http://127.0.0.1:4318/v1/events ${JSON_HEADER} \\\n  -d '{"type":"OrderPaid","payload":{"order_id":"77","total":129.9}}'`,
  },
  logs: { name: 'FAROL_LOGS', text: "FAROL_LOGS='/var/log/shop/*.log' farol-agent run" },
  exec: { name: 'exec', text: 'farol-agent exec -- gunicorn shop.wsgi' },
  probes: {
    name: 'FAROL_PROBES',
    text: 'FAROL_PROBES=site=http://127.0.0.1:8000/health,cache=redis://127.0.0.1:6379,worker=process:celery farol-agent run',
  },
};

const chosen = signal<SnippetKind | null>(null);

export function Snippets({ kinds }: { kinds: readonly SnippetKind[] }) {
  const kind = kinds.find((one) => one === chosen.value) ?? kinds[0];
  if (kind === undefined) return null;
  return (
    <>
      <span class="seg snippets" role="group" aria-label={t.value.waysIn}>
        {kinds.map((one) => (
          <button key={one} aria-pressed={one === kind} onClick={() => (chosen.value = one)}>
            {SNIPPETS[one].name}
          </button>
        ))}
      </span>
      <Command text={SNIPPETS[kind].text} />
    </>
  );
}

interface Props {
  icon: IconName;
  title: string;
  text: string;
  children?: ComponentChildren;
}

/** A whole card for a page that has nothing to show yet. */
export function HowTo({ icon, title, text, children }: Props) {
  return (
    <section class="card">
      <div class="b first-run">
        <Empty icon={icon} title={title} text={text} />
        {children}
        <p class="row sub" role="status">
          <span class="led pulse unk" />
          {t.value.waitingForFirst}
        </p>
      </div>
    </section>
  );
}
