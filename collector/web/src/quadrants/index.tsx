// The six quadrants of the overview about other systems; one quiet row of offers while none is connected.

import { CacheQuadrant } from '../cache/quadrant';
import { t } from '../i18n/index';
import type { Around } from '../outside/overview';
import { kindSign } from '../outside/states';
import { QueuesQuadrant } from '../queues/quadrant';
import { hrefWith } from '../state/route';
import { Icon } from '../ui/icon';
import { Availability } from './availability';
import { CodeHealth } from './code-health';
import { Infrastructure } from './infrastructure';
import { Performance } from './performance';

interface Offer {
  kind: string;
  title: string;
  text: string;
}

function offers(): Offer[] {
  const m = t.value;
  return [
    { kind: 'sentry', title: 'Sentry', text: m.emptyCode },
    { kind: 'redis', title: 'Redis', text: m.emptyCache },
    { kind: 'rabbitmq', title: 'RabbitMQ, Celery', text: m.emptyQueues },
    { kind: 'cloudwatch', title: m.groupInfrastructure, text: m.emptyHosting },
    { kind: 'uptimerobot', title: 'UptimeRobot', text: m.emptyUptime },
    { kind: 'online_users', title: m.usersOnline, text: m.emptyUsers },
  ];
}

function Offers() {
  const m = t.value;
  return (
    <section class="card offers" aria-labelledby="offers" data-quadrants="none">
      <header>
        <h2 id="offers">{m.toConnect}</h2>
        <span class="src">{m.toConnectText}</span>
      </header>
      <ul>
        {offers().map(({ kind, title, text }) => (
          <li key={kind}>
            <a href={hrefWith('/integrations', { connect: kind })}>
              <Icon name={kindSign(kind)} size={14} />
              <span>
                <b>{m.connectWhat(title)}</b>
                <span class="sub">{text}</span>
              </span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Quadrants({ around }: { around: Around }) {
  if (around.hasAny === false) return <Offers />;
  const integrations = around.integrations.data;
  return (
    <div class="quads" role="group" aria-label={t.value.quadrants} data-quadrants="some">
      <div class="quad q3">
        <CodeHealth />
      </div>
      <div class="quad q5">
        <Performance integrations={integrations} />
      </div>
      <div class="quad q4">
        <CacheQuadrant />
      </div>
      <div class="quad q5">
        <Infrastructure integrations={integrations} />
      </div>
      <div class="quad q4">
        <Availability around={around} />
      </div>
      <div class="quad q3">
        <QueuesQuadrant />
      </div>
    </div>
  );
}
