// One dashboard: its widgets on the grid, and the same grid while somebody changes it.

import { useComputed, useSignal, useSignalEffect, type Signal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';

import '../css/boards.css';
import { boards, type Board, type Widget } from '../api/boards';
import { ApiError } from '../api/client';
import { exportPage, pageWish } from '../export/wish';
import { t } from '../i18n/index';
import { Shell } from '../shell/shell';
import { href, path, route, setParams } from '../state/route';
import { Failed } from '../ui/card';
import { Icon } from '../ui/icon';
import { Ask, LeaveGuard } from '../ui/leave';
import { Empty, Skeleton } from '../ui/parts';
import { toast } from '../ui/toast';
import { copyBoard, duplicate, fetchFile, isChanged, openBoard, refusal } from './actions';
import { Changed } from './changed';
import { Drag } from './drag';
import { Draft } from './draft';
import { Editor } from './editor';
import { Glyph } from './glyph';
import { COLUMNS, inOrder } from './grid';
import { Menu } from './menu';
import { Palette } from './palette';
import { tookBoard } from './source';
import { WidgetCard, type EditPorts } from './widget';
import { b } from './words';

/** The export dialog takes no more at once. */
const EXPORTED_MAX = 16;
const WIDE = '(min-width: 768px)';

/** Whether the window has room for the grid. */
function useWide(): boolean {
  const query = useMemo(() => (typeof matchMedia === 'function' ? matchMedia(WIDE) : null), []);
  const isWide = useSignal(query?.matches ?? true);
  useEffect(() => {
    const follow = () => (isWide.value = query?.matches ?? true);
    query?.addEventListener('change', follow);
    return () => query?.removeEventListener('change', follow);
  }, [query]);
  return isWide.value;
}

interface BoardState {
  draft: Draft;
  failure: Signal<unknown>;
  retry: () => void;
}

/** Reads a dashboard; what was read before belongs to another address. */
function useBoard(slug: string): BoardState {
  const draft = useMemo(() => new Draft(), [slug]);
  const failure = useSignal<unknown>(null);
  const attempt = useSignal(0);
  useEffect(() => {
    const aborter = new AbortController();
    failure.value = null;
    boards.read(slug, aborter.signal).then(
      (board) => draft.take(board),
      (error: unknown) => {
        if (!aborter.signal.aborted) failure.value = error;
      },
    );
    return () => aborter.abort();
  }, [slug, attempt.value]);
  return { draft, failure, retry: () => (attempt.value += 1) };
}

function styleOf({ position: { x, y, width, height } }: Widget): Record<string, string> {
  return { gridColumn: `${x + 1} / span ${width}`, gridRow: `${y + 1} / span ${height}` };
}

function Grid({ draft, edit, isWide }: { draft: Draft; edit: Omit<EditPorts, 'drag'> | null; isWide: boolean }) {
  const m = b.value;
  const grid = useRef<HTMLDivElement>(null);
  const drag = useMemo(() => new Drag(draft, () => grid.current), [draft]);
  const widgets = draft.preview.value ?? draft.widgets.value;
  useEffect(() => {
    if (edit === null) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && drag.isOn) drag.end(false);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [drag, edit === null]);
  if (widgets.length === 0) {
    return (
      <section class="card">
        <div class="b">
          <Empty icon="board" title={m.emptyBoard} text={edit ? m.emptyBoardText : m.emptyBoardView} />
        </div>
      </section>
    );
  }
  // Read in order by those who do not see it; while something is dragged the order must stay.
  const shown = edit === null ? inOrder(widgets) : widgets;
  return (
    <div
      class={`wgrid ${edit === null ? '' : 'is-edit'} ${drag.isOn ? 'is-drag' : ''}`}
      ref={grid}
      data-columns={isWide ? COLUMNS : 1}
    >
      {shown.map((widget) => (
        <WidgetCard
          key={widget.id}
          widget={widget}
          edit={edit && { ...edit, drag }}
          {...(isWide ? { style: styleOf(widget) } : { style: phoneStyle(widget) })}
        />
      ))}
    </div>
  );
}

/** On a phone all stand below each other, each as high as it was made. */
function phoneStyle({ position }: Widget): Record<string, string> {
  return { gridRow: `span ${position.height}` };
}

interface ActionProps {
  draft: Draft;
  board: Board;
  isEdit: boolean;
  isWide: boolean;
  onSave: () => void;
  onDiscard: () => void;
}

function Actions({ draft, board, isEdit, isWide, onSave, onDiscard }: ActionProps) {
  const m = b.value;
  if (isEdit) {
    const isBusy = draft.isSaving.value;
    return (
      <>
        <button class="btn" disabled={isBusy} onClick={onDiscard}>
          {m.discard}
        </button>
        <button
          class="btn pri"
          disabled={isBusy || draft.title.value.trim() === ''}
          aria-busy={isBusy}
          onClick={onSave}
        >
          <Icon name="check" size={14} />
          {m.save}
        </button>
      </>
    );
  }
  return (
    <>
      {isWide && (
        <button
          class="btn"
          disabled={!board.editable}
          title={board.editable ? undefined : m.notEditable(board.owner)}
          onClick={() => setParams({ edit: '1' })}
        >
          <Glyph name="edit" size={14} />
          {m.edit}
        </button>
      )}
      <button class="btn d-only" onClick={exportPage}>
        <Icon name="download" size={14} />
        {t.value.exportWord}
      </button>
      <Menu
        label={m.actionsOf(board.title)}
        items={[
          { icon: <Icon name="copy" size={14} />, text: m.duplicate, run: () => void duplicate(board.slug) },
          {
            icon: <Icon name="download" size={14} />,
            text: m.exportBoard,
            run: () => fetchFile(boards.fileUrl(board.slug)),
          },
        ]}
      />
    </>
  );
}

function Crumbs() {
  return (
    <span class="row d-only">
      <a href={href('/boards')}>{t.value.boards}</a>
      <Icon name="chevr" size={12} />
    </span>
  );
}

/** What goes on around a dashboard that was read. */
function Loaded({ draft, retry }: { draft: Draft; retry: () => void }) {
  const m = b.value;
  const isWide = useWide();
  const board = draft.board.value;
  const wantsEdit = route.value.params.has('edit');
  const isEdit = wantsEdit && isWide && board?.editable === true;
  const opened = useSignal<string | null>(null);
  const fresh = useRef<string | null>(null);
  const asking = useSignal<'discard' | 'changed' | null>(null);
  const widget = useComputed(() => draft.widgets.value.find(({ id }) => id === opened.value)).value;
  useSignalEffect(() => {
    const metrics = new Set(draft.widgets.value.flatMap(({ config }) => config.metrics ?? []));
    pageWish.value = { title: draft.title.value, metrics: [...metrics].slice(0, EXPORTED_MAX) };
  });
  useEffect(() => () => void (pageWish.value = null), []);
  if (!board) return null;
  const done = () => {
    draft.selected.value = null;
    setParams({ edit: null });
  };
  const save = async () => {
    try {
      tookBoard(await draft.save());
      toast('ok', m.saved);
      done();
    } catch (error) {
      if (isChanged(error)) asking.value = 'changed';
      else toast('crit', m.saveFailed(refusal(error)));
    }
  };
  const discard = () => {
    draft.discard();
    asking.value = null;
    done();
  };
  const asCopy = async () => {
    try {
      const made = await copyBoard({ title: draft.title.peek(), widgets: [...draft.widgets.peek()] });
      draft.discard();
      openBoard(made);
    } catch (error) {
      toast('crit', m.saveFailed(refusal(error)));
    }
    asking.value = null;
  };
  const open = (id: string) => (opened.value = id);
  const openNew = (id: string) => {
    fresh.current = id;
    open(id);
  };
  const close = () => {
    // What was added and not applied is taken back.
    if (fresh.current !== null && fresh.current === opened.peek()) draft.remove(fresh.current);
    fresh.current = null;
    opened.value = null;
  };
  const actions = (
    <Actions
      draft={draft}
      board={board}
      isEdit={isEdit}
      isWide={isWide}
      onSave={() => void save()}
      onDiscard={() => (draft.isDirty.peek() ? (asking.value = 'discard') : discard())}
    />
  );
  return (
    <Shell title={draft.title.value || board.title} crumbs={<Crumbs />} ranges="any" actions={actions}>
      {isEdit && (
        <p class="note infoc">
          <Glyph name="edit" />
          <span class="grow">{m.editing}</span>
          <span class="sub">{m.editingHint}</span>
        </p>
      )}
      {wantsEdit && !isEdit && (
        <p class="note infoc">
          <Icon name="info" />
          <span class="grow">{board.editable ? m.editNarrow : m.notEditable(board.owner)}</span>
        </p>
      )}
      {isEdit ? (
        <div class="bedit">
          <Grid draft={draft} edit={{ draft, open }} isWide />
          <Palette draft={draft} open={openNew} />
        </div>
      ) : (
        <Grid draft={draft} edit={null} isWide={isWide} />
      )}
      {isEdit && widget && (
        <Editor
          key={widget.id}
          widget={widget}
          isNew={fresh.current === widget.id}
          onApply={(next) => {
            draft.change(next);
            fresh.current = null;
            opened.value = null;
          }}
          onClose={close}
        />
      )}
      {asking.value === 'discard' && (
        <Ask
          title={m.discardTitle}
          text={m.leaveText}
          act={m.discardDo}
          keep={m.stay}
          onAct={discard}
          onKeep={() => (asking.value = null)}
        />
      )}
      {asking.value === 'changed' && (
        <Changed
          onReload={() => {
            discard();
            retry();
          }}
          onCopy={() => void asCopy()}
          onClose={() => (asking.value = null)}
        />
      )}
      <LeaveGuard
        title={m.leaveTitle}
        text={m.leaveText}
        act={m.leave}
        keep={m.stay}
        isDirty={() => draft.isDirty.peek()}
        onLeave={() => draft.discard()}
      />
    </Shell>
  );
}

function Missing({ failure, retry }: { failure: unknown; retry: () => void }) {
  const m = b.value;
  const isGone = failure instanceof ApiError && (failure.status === 404 || failure.status === 403);
  return (
    <Shell title={isGone ? m.boardGone : t.value.boards} ranges="none">
      <section class="card">
        <div class="b">
          {isGone ? (
            <Empty icon="ghost" title={m.boardGone} text={m.boardGoneText}>
              <a class="btn sm" href={href('/boards')}>
                {m.allBoards}
              </a>
            </Empty>
          ) : (
            <Failed text={refusal(failure)} onRetry={retry} />
          )}
        </div>
      </section>
    </Shell>
  );
}

function OneBoard({ slug }: { slug: string }) {
  const { draft, failure, retry } = useBoard(slug);
  if (draft.board.value) return <Loaded draft={draft} retry={retry} />;
  if (failure.value !== null) return <Missing failure={failure.value} retry={retry} />;
  return (
    <Shell title={t.value.boards} ranges="any">
      <Skeleton height={480} />
    </Shell>
  );
}

export function BoardPage() {
  const slug = decodeURIComponent(path.value.replace(/^\/d\//, ''));
  return <OneBoard key={slug} slug={slug} />;
}
