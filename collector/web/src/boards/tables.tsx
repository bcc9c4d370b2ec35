// Widgets that are lists: the newest values of many series with a bar each, and the states of resources.

import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';

import type { Widget } from '../api/boards';
import { num } from '../i18n/format';
import { fleet, isLoaded, rank, type Resource } from '../live/fleet';
import { href } from '../state/route';
import { Icon } from '../ui/icon';
import { Empty, Skeleton, StatusIcon, statusWord } from '../ui/parts';
import { endedAge, reasonsText, staleness } from '../ui/reasons';
import { t } from '../i18n/index';
import { pushedFigures, type Found } from './data';
import { figureOf, type Row } from './rows';
import { levelOf, writingOf } from './units';
import { b } from './words';

/** Nobody reads more in a widget; the count is told. */
const ROWS_MAX = 200;

type Sort = 'value' | '-value' | 'name' | '-name';

interface Line {
  row: Row;
  value: number | null;
}

function sorted(lines: readonly Line[], sort: Sort): Line[] {
  const sign = sort.startsWith('-') ? -1 : 1;
  return [...lines].sort((a, b) => {
    if (sort.endsWith('name')) return sign * a.row.label.localeCompare(b.row.label);
    // What has no value is last either way.
    if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null);
    return sign * (a.value - b.value) || a.row.label.localeCompare(b.row.label);
  });
}

export function TableWidget({ widget, found, rows }: { widget: Widget; found: Found; rows: readonly Row[] }) {
  const m = b.value;
  const { config, title } = widget;
  const sort = useSignal<Sort>('-value');
  const pushed = pushedFigures.value;
  const lines = rows.map((row): Line => {
    if (found.isLive && found.pushed.includes(row.metric)) return { row, value: pushed[row.metric] ?? row.last };
    if (row.total !== null && config.aggregate === undefined) return { row, value: row.total };
    return { row, value: figureOf(row.points, config.aggregate) };
  });
  const shown = sorted(lines, sort.value).slice(0, ROWS_MAX);
  const most = Math.max(0, ...lines.map(({ value }) => value ?? 0));
  // Bars compare only what is counted in one unit.
  const isAlike = new Set(rows.map(({ unit }) => unit)).size === 1;
  const head = (column: 'name' | 'value', word: string) => {
    const isOn = sort.value.endsWith(column);
    const isDown = sort.value.startsWith('-');
    const next: Sort = isOn ? (isDown ? column : `-${column}`) : column === 'value' ? '-value' : 'name';
    return (
      <th
        scope="col"
        class={column === 'value' ? 'n' : ''}
        aria-sort={isOn ? (isDown ? 'descending' : 'ascending') : 'none'}
      >
        <button type="button" class="sortb" aria-label={m.sortBy(word)} onClick={() => (sort.value = next)}>
          {word}
          {isOn && <Icon name={isDown ? 'down' : 'up'} size={11} />}
        </button>
      </th>
    );
  };
  return (
    <div class="wg-scroll" tabIndex={0} role="region" aria-label={t.value.tableOf(title)}>
      <table class="tbl tight wg-table">
        <thead>
          <tr>
            {head('name', m.name)}
            {head('value', m.value)}
          </tr>
        </thead>
        <tbody>
          {shown.map(({ row, value }) => {
            const level = levelOf(value, config.warning, config.critical);
            return (
              <tr key={row.key}>
                <td title={row.label}>
                  <span class="ell">{row.label}</span>
                  {isAlike && most > 0 && (
                    <span class={`meter mini ${level}`} aria-hidden="true">
                      <i style={{ width: `${Math.max(0, Math.min(100, ((value ?? 0) / most) * 100)).toFixed(1)}%` }} />
                    </span>
                  )}
                </td>
                <td class={`n ${level}`}>
                  {value === null ? '—' : writingOf(row.unit, row.metric, config.unit).value(value)}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {lines.length > ROWS_MAX && <p class="pad sub">{m.shownRows(num(ROWS_MAX), num(lines.length))}</p>}
    </div>
  );
}

function StatusLine({ resource }: { resource: Resource }) {
  const { status } = resource.live.value;
  const late = staleness(resource);
  const ended = endedAge(resource);
  const why = ended !== null ? t.value.endedFor(ended) : late !== null ? t.value.staleFor(late) : reasonsText(resource);
  return (
    <li class="wg-state">
      <StatusIcon status={status} size={15} />
      <a class="ell plain grow" href={href(`/resource/${resource.id}`)}>
        {resource.row.value.name}
      </a>
      <span class="sub ell" title={why}>
        {why === '' ? statusWord(status) : why}
      </span>
    </li>
  );
}

export function StatusWidget({ widget }: { widget: Widget }) {
  const m = b.value;
  const keys = useMemo(() => new Set(widget.config.resources ?? []), [widget.config.resources]);
  if (!isLoaded.value) return <Skeleton height={96} />;
  const all = [...fleet.value.values()].filter(({ row }) => keys.size === 0 || keys.has(row.value.key));
  if (all.length === 0) {
    return keys.size === 0 ? (
      <Empty icon="ghost" title={m.noResources} />
    ) : (
      <Empty icon="ghost" title={m.unknownResource} text={m.unknownResourceText} />
    );
  }
  const shown = all
    .sort(
      (a, b) =>
        rank(a.live.value.status) - rank(b.live.value.status) || a.row.value.name.localeCompare(b.row.value.name),
    )
    .slice(0, ROWS_MAX);
  return (
    <div class="wg-scroll" tabIndex={0} role="region" aria-label={m.statesOf(widget.title)}>
      <ul>
        {shown.map((resource) => (
          <StatusLine key={resource.id} resource={resource} />
        ))}
      </ul>
      {all.length > ROWS_MAX && <p class="pad sub">{m.shownRows(num(ROWS_MAX), num(all.length))}</p>}
    </div>
  );
}
