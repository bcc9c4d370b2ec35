// The dialog that makes a dashboard: a title is all that it takes.

import { useEffect, useRef, useState } from 'preact/hooks';

import { boards } from '../api/boards';
import { t } from '../i18n/index';
import { hrefWith } from '../state/route';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { refusal, TITLE_MAX } from './actions';
import { tookBoard } from './source';
import { b } from './words';

export function NewBoard({ onClose }: { onClose: () => void }) {
  const m = b.value;
  const [title, setTitle] = useState('');
  const [isBusy, busy] = useState(false);
  const [failure, fail] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy || title.trim() === '') return;
    busy(true);
    try {
      const made = await boards.create({ title: title.trim() });
      tookBoard(made);
      onClose();
      location.hash = hrefWith(`/d/${made.slug}`, { edit: '1' });
    } catch (error) {
      fail(refusal(error));
      busy(false);
    }
  };
  return (
    <Dialog label={m.newBoard} class="modal" onClose={onClose}>
      <form class="dform" onSubmit={(event) => void submit(event)}>
        <header>
          <h2 class="grow">{m.newBoard}</h2>
          <button type="button" class="btn-icon" aria-label={t.value.close} onClick={onClose}>
            <Icon name="x" />
          </button>
        </header>
        <div class="mb">
          <div class="field">
            <label for="board-title">{m.boardTitle}</label>
            <span class="in">
              <input
                id="board-title"
                ref={field}
                required
                maxLength={TITLE_MAX}
                autocomplete="off"
                value={title}
                aria-describedby="board-title-hint"
                onInput={(event) => setTitle(event.currentTarget.value)}
              />
            </span>
            <span class="hint" id="board-title-hint">
              {m.boardTitleHint}
            </span>
          </div>
          {failure !== null && (
            <p class="note crit" role="alert">
              <Icon name="crit" size={15} />
              <span class="grow">{failure}</span>
            </p>
          )}
        </div>
        <footer>
          <button type="button" class="btn" onClick={onClose}>
            {m.cancel}
          </button>
          <button class="btn pri" disabled={isBusy || title.trim() === ''} aria-busy={isBusy}>
            {m.create}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
