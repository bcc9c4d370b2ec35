// All dashboards: one's own, and those that others share; making, importing, copying and deleting them.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import '../css/boards.css';
import { boards, type BoardRow } from '../api/boards';
import { Confirm } from '../cache/confirm';
import { num, span } from '../i18n/format';
import { t } from '../i18n/index';
import { now } from '../live/feed';
import { Shell } from '../shell/shell';
import { href } from '../state/route';
import { Failed } from '../ui/card';
import { Icon } from '../ui/icon';
import { Empty, Skeleton } from '../ui/parts';
import { toast } from '../ui/toast';
import { duplicate, fetchFile, importFile } from './actions';
import { Glyph } from './glyph';
import { Menu } from './menu';
import { NewBoard } from './new-board';
import { boardRows, boardsFailure, droppedBoard, reloadBoards } from './source';
import { b } from './words';

function BoardItem({ row, onDelete }: { row: BoardRow; onDelete: () => void }) {
  const m = b.value;
  const { slug, title, owner, shared, mine, editable } = row;
  const age = t.value.ago(span(Math.max(0, now.value - row.updated)));
  const items = [
    { icon: <Icon name="copy" size={14} />, text: m.duplicate, run: () => void duplicate(slug) },
    { icon: <Icon name="download" size={14} />, text: m.exportBoard, run: () => fetchFile(boards.fileUrl(slug)) },
    ...(editable
      ? [{ icon: <Icon name="trash" size={14} />, text: m.deleteBoard, isDanger: true, run: onDelete }]
      : []),
  ];
  return (
    <li class="boardrow" data-board={slug}>
      <span class="mico">
        <Icon name="board" size={18} />
      </span>
      <span class="grow">
        <a class="ell boardname" href={href(`/d/${slug}`)}>
          {title}
        </a>
        <span class="sub boardsub">
          <span>{m.countWidgets(row.widgets, num(row.widgets))}</span>
          {!mine && <span class="ell">{m.sharedBy(owner)}</span>}
          {mine && <span>{shared ? m.isShared : m.isPrivate}</span>}
          <span class="d-only">{m.changedAgo(age)}</span>
        </span>
      </span>
      <Menu label={m.actionsOf(title)} items={items} />
    </li>
  );
}

interface ListProps {
  id: string;
  title: string;
  rows: readonly BoardRow[];
  none?: string;
  onDelete: (row: BoardRow) => void;
}

function List({ id, title, rows, none, onDelete }: ListProps) {
  return (
    <section class="card" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <span class="src tn">{num(rows.length)}</span>
      </header>
      <div class="b flush">
        {rows.length === 0 ? (
          <p class="pad muted">{none}</p>
        ) : (
          <ul>
            {rows.map((row) => (
              <BoardItem key={row.slug} row={row} onDelete={() => onDelete(row)} />
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}

function DeleteBoard({ row, onClose }: { row: BoardRow; onClose: () => void }) {
  const m = b.value;
  const remove = async () => {
    await boards.remove(row.slug);
    droppedBoard(row.slug);
    toast('ok', m.deleted(row.title));
    onClose();
  };
  return (
    <Confirm
      title={m.deleteTitle(row.title)}
      sub={m.deleteSub}
      facts={[m.deleteWidgets(num(row.widgets), row.widgets), ...(row.shared ? [m.deleteShared] : [])]}
      keep={m.keepBoard}
      act={m.deleteBoard}
      onAct={remove}
      onClose={onClose}
    />
  );
}

function ImportButton() {
  const m = b.value;
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        accept="application/json,.json"
        hidden
        aria-label={m.importTitle}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) void importFile(file);
          event.currentTarget.value = '';
        }}
      />
      <button class="btn" title={m.importTitle} onClick={() => input.current?.click()}>
        <Glyph name="upload" size={14} />
        {m.importBoard}
      </button>
    </>
  );
}

function Lists({ rows }: { rows: readonly BoardRow[] }) {
  const m = b.value;
  const deleting = useSignal<BoardRow | null>(null);
  const ask = (row: BoardRow) => (deleting.value = row);
  const mine = rows.filter((row) => row.mine);
  const others = rows.filter((row) => !row.mine);
  return (
    <>
      {mine.length > 0 && <List id="mine" title={m.mine} rows={mine} onDelete={ask} />}
      {(others.length > 0 || mine.length > 0) && (
        <List id="shared" title={m.shared} rows={others} none={m.noneShared} onDelete={ask} />
      )}
      {deleting.value !== null && <DeleteBoard row={deleting.value} onClose={() => (deleting.value = null)} />}
    </>
  );
}

export function BoardsPage() {
  const m = b.value;
  const isMaking = useSignal(false);
  useEffect(() => void reloadBoards(), []);
  const rows = boardRows.value;
  const make = () => (isMaking.value = true);
  return (
    <Shell title={t.value.boards} ranges="none">
      <div class="row wrap tools boardtools">
        <button class="btn pri" onClick={make}>
          <Icon name="plus" size={14} />
          {m.newBoard}
        </button>
        <ImportButton />
      </div>
      {rows !== null && rows.length > 0 && <Lists rows={rows} />}
      {rows?.length === 0 && (
        <section class="card">
          <div class="b">
            <Empty icon="board" title={m.noBoards} text={m.noBoardsText} />
          </div>
        </section>
      )}
      {rows === null && (
        <section class="card">
          <div class="b">
            {boardsFailure.value === null ? (
              <Skeleton height={240} />
            ) : (
              <Failed text={boardsFailure.value} onRetry={() => void reloadBoards()} />
            )}
          </div>
        </section>
      )}
      {isMaking.value && <NewBoard onClose={() => (isMaking.value = false)} />}
    </Shell>
  );
}
