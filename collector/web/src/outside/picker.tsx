// Which of several instances of a kind a page shows.

import { instanceKey, type InstanceName, type OutsideAnswer } from '../api/outside';
import { setParams } from '../state/route';
import { Icon } from '../ui/icon';
import { kindTitle } from './states';

interface PickerProps {
  source: OutsideAnswer<object> | null;
  /** The parameter of the address that holds the choice. */
  name: string;
  label: string;
}

/** Names of instances; where they are of several kinds, each says its kind. */
function labelOf(one: InstanceName, all: readonly InstanceName[]): string {
  return all.every(({ kind }) => kind === one.kind) ? one.name : `${one.name} · ${kindTitle(one.kind)}`;
}

/** Which of several instances is shown; nothing where there is one. */
export function InstancePicker({ source, name, label }: PickerProps) {
  if (source?.configured !== true || source.instances.length < 2) return null;
  const { instances, kind, instance } = source;
  return (
    <label class="choice on">
      <span class="lbl-in">{label}</span>
      <select
        value={instanceKey({ kind, name: instance })}
        onChange={(event) => setParams({ [name]: event.currentTarget.value })}
      >
        {instances.map((one) => (
          <option key={instanceKey(one)} value={instanceKey(one)}>
            {labelOf(one, instances)}
          </option>
        ))}
      </select>
      <Icon name="chev" size={12} />
    </label>
  );
}
