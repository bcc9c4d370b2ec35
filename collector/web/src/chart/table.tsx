// A chart's values as a table, newest first, at most two hundred rows.

import { stamp } from '../i18n/format';
import { t } from '../i18n/index';
import type { ChartModel } from './model';

const ROWS_MAX = 200;

export function ChartTable({ model, title }: { model: ChartModel; title: string }) {
  const { times, raw } = model.shape(new Set());
  const rows: number[] = [];
  for (let row = times.length - 1; row >= 0; row -= 1) {
    if (raw.some((cells) => typeof cells[row] === 'number')) rows.push(row);
  }
  const every = Math.max(1, Math.ceil(rows.length / ROWS_MAX));
  return (
    <div class="scroll chart-table" tabIndex={0} role="region" aria-label={t.value.tableOf(title)}>
      <table class="tbl tight">
        <thead>
          <tr>
            <th scope="col">{t.value.chartTime}</th>
            {model.drawn.map((line) => (
              <th scope="col" class="n" key={line.key}>
                {line.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows
            .filter((_, i) => i % every === 0)
            .map((row) => (
              <tr key={row}>
                <td class="tn">{stamp(times[row] ?? 0)}</td>
                {model.drawn.map((line, i) => {
                  const value = raw[i]?.[row];
                  return (
                    <td class="n" key={line.key}>
                      {typeof value === 'number' ? model.spec.value(value) : '—'}
                    </td>
                  );
                })}
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}
