// The dashboards in the sidebar: one's own first, then those that others share.

import { useEffect } from 'preact/hooks';

import { t } from '../i18n/index';
import { href, path } from '../state/route';
import { Icon } from '../ui/icon';
import { boardRows, reloadBoards } from './source';

/** More are found on the page that lists them. */
const SHOWN_MAX = 8;

export function BoardLinks() {
  useEffect(() => void reloadBoards(), []);
  const rows = boardRows.value ?? [];
  if (rows.length === 0) return null;
  const shown = [...rows].sort((a, b) => Number(b.mine) - Number(a.mine)).slice(0, SHOWN_MAX);
  return (
    <>
      <div class="nav-t">{t.value.boards}</div>
      {shown.map(({ slug, title }) => {
        const to = `/d/${slug}`;
        return (
          <a key={slug} href={href(to)} aria-current={path.value === to ? 'page' : undefined}>
            <Icon name="board" />
            <span class="ell">{title}</span>
          </a>
        );
      })}
    </>
  );
}
