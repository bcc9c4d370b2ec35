// What stands above the tables: alarms that block, checks that fail, and what the integration could not know.

import { t } from '../i18n/index';
import { Trouble } from '../outside/notes';
import { Icon } from '../ui/icon';
import { type CeleryShot, type RabbitShot } from './source';

function Note({ kind, text }: { kind: 'crit' | 'warn' | 'info'; text: string }) {
  return (
    <p class={`note ${kind === 'info' ? 'infoc' : kind}`}>
      <Icon name={kind} size={15} />
      <span class="grow">{text}</span>
    </p>
  );
}

export function QueueNotes({ tasks, broker }: { tasks: CeleryShot | null; broker: RabbitShot | null }) {
  const m = t.value;
  const failing = broker?.health?.filter((one) => !one.ok) ?? [];
  const isTold =
    (broker?.alarms?.length ?? 0) + failing.length + (tasks?.notes?.length ?? 0) > 0 || tasks?.events === false;
  const isTroubled = [tasks, broker].some((one) => one !== null && (one.stale || one.status.state !== 'ok'));
  if (!isTold && !isTroubled) return null;
  return (
    <div class="notes">
      {broker && <Trouble answer={broker} />}
      {tasks && <Trouble answer={tasks} />}
      {broker?.alarms?.map((alarm) => (
        <Note key={`${alarm.node} ${alarm.kind}`} kind="crit" text={m.queueAlarm(alarm.node, alarm.kind)} />
      ))}
      {failing.map((one) => (
        <Note key={one.check} kind="warn" text={m.queueCheckFails(one.check, one.reason ?? m.none)} />
      ))}
      {tasks?.events === false && <Note kind="warn" text={m.queueNoEvents} />}
      {tasks?.notes?.map((text) => (
        <Note key={text} kind="info" text={text} />
      ))}
    </div>
  );
}
