// Which numbered database of an instance is meant.

import type { Place } from '../api/cache';
import { num } from '../i18n/format';
import { t } from '../i18n/index';
import { Icon } from '../ui/icon';
import type { CacheShot } from './source';

/** The place of an action; without a number it is the instance's usual database. */
export function placeOf(instance: string, db: number | null): Place {
  return db === null ? { instance } : { instance, db };
}

interface Props {
  shot: CacheShot;
  value: number | null;
  /** What stands for no choice. */
  all?: string;
  onChoose: (db: number | null) => void;
}

/** Nothing where there is one database only. */
export function DatabaseChoice({ shot, value, all, onChoose }: Props) {
  const m = t.value;
  const databases = shot.databases ?? [];
  if (databases.length < 2) return null;
  return (
    <label class="choice dbchoice">
      <span class="lbl-in">{m.cacheDatabase}</span>
      <select
        value={value === null ? '' : String(value)}
        onChange={(event) => onChoose(event.currentTarget.value === '' ? null : Number(event.currentTarget.value))}
      >
        <option value="">{all ?? m.cacheUsualDb}</option>
        {databases.map((one) => (
          <option key={one.db} value={String(one.db)}>
            db{one.db} ({num(one.keys)})
          </option>
        ))}
      </select>
      <Icon name="chev" size={12} />
    </label>
  );
}
