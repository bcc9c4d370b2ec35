// The frame of a widget: its title, its menu, and while the dashboard is edited the handles that move and resize it.

import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';

import { createAlertOf } from '../alerts/create';
import type { Widget } from '../api/boards';
import { exportWish } from '../export/wish';
import { num } from '../i18n/format';
import { t } from '../i18n/index';
import { announce } from '../ui/announcer';
import { Icon } from '../ui/icon';
import { toast } from '../ui/toast';
import { numbersOf } from './data';
import type { Drag } from './drag';
import type { Draft } from './draft';
import { byKey } from './grid';
import { Glyph } from './glyph';
import { Menu } from './menu';
import { lookOf } from './question';
import { parseSpan } from '../time/range';
import { b } from './words';

export function placeText({ position: { x, y, width, height } }: Widget): string {
  return b.peek().place(x + 1, y + 1, width, height);
}

/** Opens the export of what a widget shows. */
export function exportWidget({ title, config }: Widget): void {
  const ms = config.period === undefined ? null : parseSpan(config.period);
  exportWish.value = {
    title,
    metrics: config.metrics ?? [],
    resources: numbersOf(config.resources ?? []) ?? [],
    ...(config.attributes ? { attributes: config.attributes } : {}),
    ...(config.aggregate ? { aggregate: config.aggregate } : {}),
    ...(ms === null ? {} : { ms }),
  };
}

/** Opens the editor for a rule over the first metric of a widget. */
function alertOfWidget({ config }: Widget): void {
  const numbers = numbersOf(config.resources ?? []) ?? [];
  const resource = numbers.length === 1 ? (numbers[0] ?? null) : null;
  createAlertOf(config.metrics?.[0] ?? '', resource, config.attributes ?? {});
}

interface Props {
  widget: Widget;
  /** Beside the title: how much is shown of how much. */
  note?: string | undefined;
  class?: string;
  edit: { draft: Draft; drag: Drag; open: (id: string) => void } | null;
  children?: ComponentChildren;
}

export function Frame(props: Props) {
  const { widget, edit, note } = props;
  const m = b.value;
  const title = widget.title;
  const isSelected = edit !== null && edit.draft.selected.value === widget.id;
  const hasData = !['text', 'status', 'unknown'].includes(lookOf(widget)) && (widget.config.metrics ?? []).length > 0;
  const { width, height } = widget.position;
  return (
    <section
      class={`card wg wg-${lookOf(widget)} ${props.class ?? ''} ${isSelected ? 'sel' : ''}`}
      aria-labelledby={`wt-${widget.id}`}
      data-widget={widget.id}
      data-type={lookOf(widget)}
      onPointerDown={() => edit && (edit.draft.selected.value = widget.id)}
    >
      <header>
        {edit && <MoveHandle widget={widget} {...edit} />}
        <h2 class="ell" id={`wt-${widget.id}`}>
          {title}
        </h2>
        {note !== undefined && <span class="src ell">{note}</span>}
        <span class="end">
          {edit ? (
            <EditButtons widget={widget} {...edit} />
          ) : (
            hasData && (
              <Menu
                label={m.widgetMenu(title)}
                items={[
                  {
                    icon: <Icon name="download" size={14} />,
                    text: m.exportData,
                    run: () => exportWidget(widget),
                  },
                  {
                    icon: <Icon name="bell" size={14} />,
                    text: t.value.createAlert,
                    run: () => alertOfWidget(widget),
                  },
                ]}
              />
            )
          )}
        </span>
      </header>
      <div class="b">{props.children}</div>
      {edit && <ResizeHandle widget={widget} {...edit} />}
      {isSelected && (
        <span class="dim" aria-hidden="true">
          {num(width)} × {num(height)}
        </span>
      )}
    </section>
  );
}

type EditProps = { widget: Widget } & NonNullable<Props['edit']>;

function MoveHandle({ widget, draft, drag }: EditProps) {
  const button = useRef<HTMLButtonElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && drag.isOn) {
      drag.end(false);
      event.stopPropagation();
      return;
    }
    const position = byKey(widget.position, event.key, event.shiftKey);
    if (!position) return;
    event.preventDefault();
    event.stopPropagation();
    draft.put(widget.id, position);
    const now = draft.find(widget.id);
    if (now) announce(placeText(now));
    button.current?.scrollIntoView({ block: 'nearest' });
  };
  return (
    <button
      ref={button}
      type="button"
      class="btn-icon drag"
      aria-label={b.value.move(widget.title, placeText(widget))}
      title={b.value.editingHint}
      onFocus={() => (draft.selected.value = widget.id)}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => drag.begin(event, widget, false)}
      onPointerMove={(event) => drag.move(event)}
      onPointerUp={() => drag.end(true)}
      onPointerCancel={() => drag.end(false)}
    >
      <Glyph name="drag" size={14} />
    </button>
  );
}

/** For the pointer alone: the handle in the head does the same by keys, and the widget's settings by numbers. */
function ResizeHandle({ widget, drag }: EditProps) {
  return (
    <span
      class="rs"
      aria-hidden="true"
      title={b.value.resize}
      onPointerDown={(event) => drag.begin(event, widget, true)}
      onPointerMove={(event) => drag.move(event)}
      onPointerUp={() => drag.end(true)}
      onPointerCancel={() => drag.end(false)}
    >
      <Glyph name="resize" size={14} />
    </span>
  );
}

function EditButtons({ widget, draft, open }: EditProps) {
  const m = b.value;
  const { id, title } = widget;
  const remove = () => {
    const back = draft.remove(id);
    toast('ok', m.removed(title), { label: m.undo, run: back });
  };
  const copy = () => {
    if (!draft.duplicate(id)) toast('warn', m.noRoom);
  };
  return (
    <>
      <button type="button" class="btn-icon ed" aria-label={m.editWidget(title)} onClick={() => open(id)}>
        <Glyph name="edit" size={14} />
      </button>
      <button
        type="button"
        class="btn-icon ed"
        aria-label={`${m.duplicateWidget}: ${title}`}
        title={m.duplicateWidget}
        onClick={copy}
      >
        <Icon name="copy" size={14} />
      </button>
      <button type="button" class="btn-icon ed" aria-label={m.removeWidget(title)} onClick={remove}>
        <Icon name="x" size={14} />
      </button>
    </>
  );
}
