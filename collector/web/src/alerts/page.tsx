// Everything about alerts: what fires, what did, the rules, silences, and channels; each part with an address of its own.

import type { FunctionComponent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import '../css/boards.css';
import '../css/alerts.css';
import { num } from '../i18n/format';
import { t } from '../i18n/index';
import { Shell } from '../shell/shell';
import { openAll, openClass } from '../state/alerts';
import { href, path } from '../state/route';
import { ActiveTab } from './active';
import { ChannelsTab } from './channels';
import { channelRows, reloadChannels } from './channel-source';
import { HistoryTab } from './history';
import { reloadRules, ruleRows } from './rule-source';
import { RulesTab } from './rules';
import { reloadSilences, silenceRows } from './silence-source';
import { SilencesTab } from './silences';
import { changed, reloadAlerts } from './source';
import { a } from './words';

interface Tab {
  path: string;
  word: 'tabActive' | 'tabHistory' | 'tabRules' | 'tabSilences' | 'tabChannels';
  /** Whether the page's range means anything there. */
  isRanged: boolean;
  Body: FunctionComponent;
}

const ACTIVE: Tab = { path: '/alerts', word: 'tabActive', isRanged: true, Body: ActiveTab };

const TABS: readonly Tab[] = [
  ACTIVE,
  { path: '/alerts/history', word: 'tabHistory', isRanged: true, Body: HistoryTab },
  { path: '/rules', word: 'tabRules', isRanged: false, Body: RulesTab },
  { path: '/silences', word: 'tabSilences', isRanged: false, Body: SilencesTab },
  { path: '/channels', word: 'tabChannels', isRanged: false, Body: ChannelsTab },
];

/** How many there are; null while that is not known, or says nothing. */
function countOf(tab: Tab): number | null {
  switch (tab.word) {
    case 'tabActive':
      return openAll.value || null;
    case 'tabRules':
      return ruleRows.value?.length ?? null;
    case 'tabSilences':
      return silenceRows.value?.filter(({ state }) => state !== 'over').length ?? null;
    case 'tabChannels':
      return channelRows.value?.length ?? null;
    case 'tabHistory':
      return null;
  }
}

function Tabs({ chosen }: { chosen: Tab }) {
  const row = useRef<HTMLElement>(null);
  // On a phone not all of them have room.
  useEffect(() => {
    row.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [chosen]);
  return (
    <nav ref={row} class="al-tabs" aria-label={a.value.tabs}>
      {TABS.map((tab) => {
        const count = countOf(tab);
        return (
          <a key={tab.path} href={href(tab.path)} aria-current={tab === chosen ? 'page' : undefined}>
            {a.value[tab.word]}
            {count !== null && <span class={`badge ${tab === ACTIVE ? openClass() : 'unk'}`}>{num(count)}</span>}
          </a>
        );
      })}
    </nav>
  );
}

export function AlertsPage() {
  const tab = TABS.find((one) => one.path === path.value) ?? ACTIVE;
  useEffect(() => {
    void reloadAlerts();
    void reloadChannels();
  }, []);
  // How many a rule fires, and what a silence holds, changes with the alerts.
  useEffect(() => {
    void reloadRules();
    void reloadSilences();
  }, [changed.value]);
  return (
    <Shell title={t.value.alerts} ranges={tab.isRanged ? 'any' : 'none'}>
      <Tabs chosen={tab} />
      <tab.Body />
    </Shell>
  );
}
