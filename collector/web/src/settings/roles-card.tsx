// What each role may do, as a table.

import { t } from '../i18n/index';
import { roleWord, type Role } from '../state/roles';
import { Icon } from '../ui/icon';
import { s } from './words';

const ROLES: readonly Role[] = ['viewer', 'operator', 'admin', 'super_admin'];

type Permission = 'maySee' | 'mayInspect' | 'mayDelete' | 'mayShare' | 'mayFlush' | 'mayUsers';

/** The least role of each. */
const PERMISSIONS: readonly [Permission, Role][] = [
  ['maySee', 'viewer'],
  ['mayInspect', 'operator'],
  ['mayDelete', 'admin'],
  ['mayShare', 'admin'],
  ['mayFlush', 'super_admin'],
  ['mayUsers', 'super_admin'],
];

export function RolesCard() {
  const m = s.value;
  return (
    <section class="card" aria-labelledby="roles">
      <header>
        <h2 id="roles">{m.rolesTitle}</h2>
      </header>
      <div class="b flush">
        <div class="scroll-x" tabIndex={0} role="region" aria-label={t.value.tableOf(m.rolesTitle)}>
          <table class="tbl end roles">
            <thead>
              <tr>
                <th scope="col">{m.rolesPermission}</th>
                {ROLES.map((role) => (
                  <th key={role} scope="col">
                    {roleWord(role)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {PERMISSIONS.map(([permission, least]) => (
                <tr key={permission}>
                  <td>{m[permission]}</td>
                  {ROLES.map((role) => {
                    const isGiven = ROLES.indexOf(role) >= ROLES.indexOf(least);
                    return (
                      <td key={role}>
                        <span class={`si ${isGiven ? 'ok' : 'unk'}`}>
                          <Icon name={isGiven ? 'check' : 'minus'} size={14} />
                          <span class="sr">{isGiven ? m.yes : m.mayNot}</span>
                        </span>
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </div>
    </section>
  );
}
