// The channels: whom Farol tells, how the last message went; and one of them in its form beside the list.

import { channels, type Channel } from '../api/alerts';
import { num, span, stamp } from '../i18n/format';
import { t } from '../i18n/index';
import { useAnswer } from '../live/answer';
import { now } from '../live/feed';
import { param, setParams } from '../state/route';
import { AnswerCard, Failed } from '../ui/card';
import { Icon } from '../ui/icon';
import { Empty, Skeleton } from '../ui/parts';
import { ChannelEditor } from './channel-editor';
import { kindWord } from './channel-form';
import { channelRows, channelsFailure, reloadChannels } from './channel-source';
import { Deliveries, DeliveryBadge } from './deliveries';
import { Act, BackToList } from './parts';
import { Sign } from './sign';
import { levelWord } from './text';
import { r } from './rule-words';
import { a } from './words';

const DELIVERIES_SHOWN = 30;
const ASK_EVERY_MS = 10_000;

function Last({ channel }: { channel: Channel }) {
  const m = r.value;
  const { last, waiting, enabled } = channel;
  if (channel.broken != null) {
    return (
      <span class="badge crit" title={channel.broken}>
        {m.isBroken}
      </span>
    );
  }
  if (!enabled) return <span class="badge unk">{m.isOff}</span>;
  return (
    <span class="al-last">
      {last === null ? (
        <span class="sub">{m.neverUsed}</span>
      ) : (
        <>
          <DeliveryBadge state={last.state} />
          <time class="sub tn" title={stamp(last.at)} dateTime={new Date(last.at).toISOString()}>
            {t.value.ago(span(Math.max(0, now.value - last.at)))}
          </time>
        </>
      )}
      {waiting > 0 && <span class="sub warn">{m.countWaiting(num(waiting), waiting)}</span>}
    </span>
  );
}

function Item({ channel, isChosen }: { channel: Channel; isChosen: boolean }) {
  const m = r.value;
  const level = m.fromLevel(levelWord(channel.min_level));
  const parts = [kindWord(channel.kind), level, channel.tenant ?? '', channel.origin === 'file' ? m.originFile : ''];
  return (
    <li class={`al nw ${isChosen ? 'on' : ''}`} data-channel={channel.id}>
      <span class="si">
        <Sign name="send" size={16} />
      </span>
      <button class="al-t" aria-pressed={isChosen} onClick={() => setParams({ channel: channel.id, new: null })}>
        <span class={`ell strong ${channel.enabled ? '' : 'muted'}`}>{channel.name}</span>
        <span class="sub ell">{parts.filter(Boolean).join(' · ')}</span>
      </button>
      <Last channel={channel} />
    </li>
  );
}

function List({ chosen }: { chosen: string | null }) {
  const m = r.value;
  const rows = channelRows.value;
  if (rows === null) {
    if (channelsFailure.value !== null) {
      return <Failed text={channelsFailure.value} onRetry={() => void reloadChannels()} />;
    }
    return (
      <div class="pad">
        <Skeleton height={200} />
      </div>
    );
  }
  if (rows.length === 0) return <Empty icon="bell" title={m.noChannels} text={m.noChannelsText} />;
  return (
    <ul aria-label={a.value.tabChannels}>
      {[...rows]
        .sort((x, z) => x.name.localeCompare(z.name))
        .map((channel) => (
          <Item key={channel.id} channel={channel} isChosen={channel.id === chosen} />
        ))}
    </ul>
  );
}

function Log({ channel }: { channel: Channel }) {
  const m = r.value;
  const answer = useAnswer(`deliveries ${channel.id} ${channel.last?.at ?? 0}`, ASK_EVERY_MS, (signal) =>
    channels.deliveries({ channel: channel.id, limit: DELIVERIES_SHOWN }, signal),
  );
  return (
    <AnswerCard
      id="al-log"
      title={m.log}
      sub={channel.name}
      isFlush
      answer={answer}
      height={120}
      isEmpty={(rows) => rows.length === 0}
      empty={<Empty icon="list" title={m.noDeliveries} text={m.noDeliveriesText} />}
    >
      {(rows) => (
        <div class="pad">
          <Deliveries rows={rows} />
        </div>
      )}
    </AnswerCard>
  );
}

function Chosen({ id, isNew }: { id: string | null; isNew: boolean }) {
  const m = r.value;
  const channel = channelRows.value?.find((one) => one.id === id) ?? null;
  if (isNew) return <ChannelEditor key="new" channel={null} />;
  if (channel !== null) {
    return (
      <>
        <ChannelEditor key={channel.id} channel={channel} />
        <Log channel={channel} />
      </>
    );
  }
  return (
    <section class="card" aria-label={m.channel}>
      <Empty icon="bell" title={m.chooseChannel} text={m.chooseChannelText} />
    </section>
  );
}

export function ChannelsTab() {
  const m = r.value;
  const isNew = param('new') !== null;
  const id = isNew ? null : param('channel');
  const count = channelRows.value?.length ?? 0;
  return (
    <div class={`g12 ${isNew || id !== null ? 'al-picked' : ''}`}>
      {(isNew || id !== null) && <BackToList word={a.value.tabChannels} />}
      <section class="card c5 al-list" aria-labelledby="al-channels">
        <header class="al-head">
          <h2 id="al-channels">{m.countChannels(num(count), count)}</h2>
          <span class="end">
            <Act needs="admin" class="btn pri" onAct={() => setParams({ new: '1', channel: null })}>
              <Icon name="plus" size={14} />
              {m.newChannel}
            </Act>
          </span>
        </header>
        <div class="b flush">
          <List chosen={id} />
        </div>
      </section>
      <div class="c7 stack">
        <Chosen id={id} isNew={isNew} />
      </div>
    </div>
  );
}
