// Which of several instances of a kind a page shows.

import type { OutsideAnswer } from '../api/outside';
import { setParams } from '../state/route';
import { Icon } from '../ui/icon';

interface PickerProps {
  source: OutsideAnswer<object> | null;
  /** The parameter of the address that holds the choice. */
  name: string;
  label: string;
}

/** Which of several instances is shown; nothing where there is one. */
export function InstancePicker({ source, name, label }: PickerProps) {
  if (source?.configured !== true || source.instances.length < 2) return null;
  return (
    <label class="choice on">
      <span class="lbl-in">{label}</span>
      <select value={source.instance} onChange={(event) => setParams({ [name]: event.currentTarget.value })}>
        {source.instances.map((one) => (
          <option key={one.name} value={one.name}>
            {one.name}
          </option>
        ))}
      </select>
      <Icon name="chev" size={12} />
    </label>
  );
}
