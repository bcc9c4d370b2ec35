// Beside a dashboard that is edited: its title and sharing, and what can be added to it.

import { useState } from 'preact/hooks';

import { WIDGET_TYPES, type WidgetType } from '../api/boards';
import { num } from '../i18n/format';
import { useAnswer } from '../live/answer';
import { may, role, roleWord } from '../state/roles';
import { announce } from '../ui/announcer';
import { Icon, type IconName } from '../ui/icon';
import { toast } from '../ui/toast';
import { TITLE_MAX } from './actions';
import { typeWord, WIDGETS_MAX, type Draft } from './draft';
import { TextField } from './fields';
import { Glyph, type GlyphName } from './glyph';
import { allMetrics, findMetrics } from './metrics';
import { b } from './words';

/** More are found by typing more. */
const FOUND_MAX = 8;

function Sign({ type }: { type: WidgetType }) {
  const own: Partial<Record<WidgetType, GlyphName>> = { stat: 'stat', bar: 'bar', text: 'text' };
  const shared: Partial<Record<WidgetType, IconName>> = {
    line: 'line',
    gauge: 'gauge',
    table: 'table',
    status: 'heart',
  };
  const glyph = own[type];
  return glyph ? <Glyph name={glyph} size={18} /> : <Icon name={shared[type] ?? 'grid'} size={18} />;
}

function subOf(type: WidgetType): string {
  const m = b.value;
  return {
    stat: m.typeStatSub,
    line: m.typeLineSub,
    bar: m.typeBarSub,
    gauge: m.typeGaugeSub,
    table: m.typeTableSub,
    status: m.typeStatusSub,
    text: m.typeTextSub,
  }[type];
}

interface Props {
  draft: Draft;
  /** Opens the settings of what was added. */
  open: (id: string) => void;
}

export function Palette({ draft, open }: Props) {
  const m = b.value;
  const [query, ask] = useState('');
  const { data } = useAnswer('metrics', null, allMetrics);
  const found = query.trim() === '' ? [] : findMetrics(data ?? [], query);
  const add = (type: WidgetType, metric?: string) => {
    const added = draft.add(type, metric === undefined ? {} : { title: metric, config: { metrics: [metric] } });
    if (!added) {
      const isFull = draft.widgets.peek().length >= WIDGETS_MAX;
      toast('warn', isFull ? m.boardFull(num(WIDGETS_MAX)) : m.noRoom);
      return;
    }
    draft.selected.value = added.id;
    if (metric === undefined && type !== 'status') open(added.id);
    else announce(m.added(added.title));
  };
  return (
    <aside class="card palette-side" aria-labelledby="add-widget">
      <header>
        <h2 id="add-widget">{m.addWidget}</h2>
      </header>
      <div class="b">
        <span class="in">
          <Icon name="search" size={14} />
          <input
            type="search"
            aria-label={m.findMetric}
            placeholder={m.findMetric}
            autocomplete="off"
            spellcheck={false}
            value={query}
            onInput={(event) => ask(event.currentTarget.value)}
          />
        </span>
        {found.length > 0 && (
          <ul class="palette-found">
            {found.slice(0, FOUND_MAX).map(({ name }) => (
              <li key={name}>
                <button type="button" class="pi" aria-label={m.take(name)} onClick={() => add('line', name)}>
                  <span class="grow ell">{name}</span>
                  <Icon name="plus" size={12} />
                </button>
              </li>
            ))}
          </ul>
        )}
        {query.trim() !== '' && data !== null && found.length === 0 && <p class="hint">{m.metricsNone}</p>}
        {found.length > FOUND_MAX && <p class="hint">{m.metricsMore(num(found.length - FOUND_MAX))}</p>}
        <div class="pals">
          {WIDGET_TYPES.map((type) => (
            <button type="button" class="pal" key={type} data-add={type} onClick={() => add(type)}>
              <Sign type={type} />
              <b>{typeWord(type)}</b>
              <span>{subOf(type)}</span>
            </button>
          ))}
        </div>
      </div>
      <Settings draft={draft} />
    </aside>
  );
}

function Settings({ draft }: { draft: Draft }) {
  const m = b.value;
  const mayShare = may('admin');
  return (
    <div class="b boardset">
      <TextField
        id="b-title"
        label={m.boardTitle}
        value={draft.title.value}
        most={TITLE_MAX}
        onInput={(text) => (draft.title.value = text)}
      />
      <div class="row">
        <span class="grow" id="b-share">
          {m.shareBoard}
        </span>
        <button
          type="button"
          class="switch"
          role="switch"
          aria-checked={draft.shared.value}
          aria-labelledby="b-share"
          aria-describedby={mayShare ? undefined : 'b-share-why'}
          disabled={!mayShare}
          onClick={() => (draft.shared.value = !draft.shared.peek())}
        />
      </div>
      {!mayShare && (
        <p class="hint row" id="b-share-why">
          <Icon name="shield" size={14} />
          <span>{m.shareNeeds(roleWord('admin'), roleWord(role()))}</span>
        </p>
      )}
    </div>
  );
}
