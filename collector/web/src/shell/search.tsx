// Search over all resources by name, kind, host or attribute: Ctrl K or /.

import { computed, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { pct, short } from '../i18n/format';
import { t } from '../i18n/index';
import { fleet, rank, type Resource } from '../live/fleet';
import { mayAddAgents } from '../state/roles';
import { go } from '../state/route';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { resourceWord, StatusIcon } from '../ui/parts';
import { matches } from './find';
import { isSearchOpen } from './open';

const RESULTS_MAX = 30;
const text = signal('');
const chosen = signal(0);

const found = computed(() => {
  const query = text.value.trim().toLowerCase();
  return [...fleet.value.values()]
    .filter((resource) => matches(resource, query))
    .sort((a, b) => {
      const starts = (r: Resource) => (r.row.peek().name.toLowerCase().startsWith(query) ? 0 : 1);
      return (
        starts(a) - starts(b) ||
        rank(a.live.peek().status) - rank(b.live.peek().status) ||
        a.row.peek().name.localeCompare(b.row.peek().name)
      );
    })
    .slice(0, RESULTS_MAX);
});

/** Whether the command to add an agent is meant: by its words, or while nothing is typed. */
const isAdding = computed(() => {
  const words = text.value.trim().toLowerCase().split(/\s+/);
  return mayAddAgents() && words.every((word) => t.value.addAgent.toLowerCase().includes(word));
});

function close(): void {
  isSearchOpen.value = false;
  text.value = '';
  chosen.value = 0;
}

function open(resource: Resource | undefined): void {
  if (!resource) return;
  close();
  go(`/resource/${resource.id}`);
}

function add(): void {
  close();
  go('/add-agent');
}

export function Search() {
  const m = t.value;
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const results = found.value;
  // The command stands below what was found.
  const last = results.length - (isAdding.value ? 0 : 1);
  const at = Math.min(chosen.value, last);
  const take = () => (isAdding.value && at === results.length ? add() : open(results[at]));
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') chosen.value = Math.min(last, at + 1);
    else if (event.key === 'ArrowUp') chosen.value = Math.max(0, at - 1);
    else if (event.key === 'Enter') take();
    else return;
    event.preventDefault();
  };
  return (
    <Dialog label={m.search} class="palette" onClose={close}>
      <div class="palette-in">
        <Icon name="search" size={18} />
        <input
          ref={input}
          role="combobox"
          aria-expanded="true"
          aria-controls="found"
          aria-activedescendant={results[at] ? `found-${results[at].id}` : at >= 0 ? 'found-add' : undefined}
          aria-label={m.search}
          placeholder={m.searchPlaceholder}
          autocomplete="off"
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            chosen.value = 0;
          }}
          onKeyDown={onKeyDown}
        />
        <kbd>Esc</kbd>
      </div>
      <div id="found" class="palette-list" role="listbox" aria-label={m.resources}>
        {results.map((resource, i) => (
          <Result key={resource.id} resource={resource} isOn={i === at} />
        ))}
        {isAdding.value && (
          <div
            id="found-add"
            role="option"
            aria-selected={at === results.length}
            class={`pi ${at === results.length ? 'on' : ''}`}
            onClick={add}
          >
            <Icon name="plus" />
            <span class="grow ell">{m.addAgent}</span>
          </div>
        )}
        {last < 0 && <p class="sub palette-none">{m.searchNone}</p>}
      </div>
      <div class="palette-foot sub d-only">
        <span>
          <kbd>↑</kbd> <kbd>↓</kbd> {m.searchMove}
        </span>
        <span>
          <kbd>Enter</kbd> {m.searchOpen}
        </span>
      </div>
    </Dialog>
  );
}

function Result({ resource, isOn }: { resource: Resource; isOn: boolean }) {
  const m = t.value;
  const row = resource.row.value;
  const { status, latest } = resource.live.value;
  const parent = row.parent === null ? undefined : fleet.value.get(row.parent)?.row.value.name;
  const item = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isOn) item.current?.scrollIntoView({ block: 'nearest' });
  }, [isOn]);
  const figures =
    latest.request_rate !== null
      ? `${short(latest.request_rate)} ${m.requestsPerSecond}`
      : latest.cpu_ratio === null
        ? ''
        : `CPU ${pct(latest.cpu_ratio, 0)}`;
  return (
    <div
      ref={item}
      id={`found-${row.id}`}
      role="option"
      aria-selected={isOn}
      class={`pi ${isOn ? 'on' : ''}`}
      onClick={() => open(resource)}
    >
      <StatusIcon status={status} />
      <span class="grow ell">{row.name}</span>
      <span class="sub">{[resourceWord(row), parent, figures].filter(Boolean).join(' · ')}</span>
    </div>
  );
}
