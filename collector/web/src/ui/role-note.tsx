// Why a control cannot be used: which role it takes, and which the person has.

import { t } from '../i18n/index';
import { may, role, roleWord, type Role } from '../state/roles';
import { Icon } from './icon';

/** Nothing when the role suffices. The control names it with `aria-describedby`. */
export function RoleNote({ id, needs }: { id: string; needs: Role }) {
  if (may(needs)) return null;
  return (
    <p id={id} class="hint row role-note">
      <Icon name="shield" size={14} />
      <span>{t.value.roleNeeded(roleWord(needs), roleWord(role()))}</span>
    </p>
  );
}
