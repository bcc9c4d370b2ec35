// Figures made of events: only those that some event told.

import { bytes, millis, num, pct, short } from '../i18n/format';
import { t } from '../i18n/index';

/** "farol.messages.sent" and "messages_sent" are the same figure. */
export function plainName(name: string): string {
  return name.replace(/^farol\./, '').replace(/[.\s-]/g, '_');
}

/** The words of a figure; a name that is not known is shown as it is. */
export function derivedLabel(name: string): string {
  const m = t.value;
  const labels: Record<string, string> = {
    messages_sent: m.messagesSent,
    messages_failed: m.messagesFailed,
    messages_received: m.messagesReceived,
    conversations_active: m.conversationsActive,
    active_conversations: m.conversationsActive,
    tickets_created: m.ticketsCreated,
    ai_interactions: m.aiInteractions,
    ai_tokens: m.aiTokens,
    erp_calls: m.erpCalls,
    erp_failed: m.erpFailed,
    erp_time: m.erpTime,
    erp_success_ratio: m.erpSuccess,
    erp_latency_ms: m.erpLatency,
    campaigns_sent: m.campaignsSent,
    campaigns_opened: m.campaignsOpened,
    campaigns_clicked: m.campaignsClicked,
    campaigns_open_ratio: m.campaignsOpenRatio,
    campaigns_click_ratio: m.campaignsClickRatio,
  };
  const plain = plainName(name);
  return labels[plain] ?? plain.replaceAll('_', ' ');
}

/** A figure in the unit that its name ends with. */
export function derivedValue(name: string, value: number): string {
  const plain = plainName(name);
  if (plain.endsWith('_ratio')) return pct(value);
  if (plain.endsWith('_ms')) return millis(value);
  if (plain.endsWith('_time') || plain.endsWith('_seconds')) return millis(value * 1000);
  if (plain.endsWith('_bytes')) return bytes(value);
  return Number.isInteger(value) ? num(value) : short(value);
}

/** More would be no overview. */
const SHOWN = 18;

export function Derived({ figures }: { figures: Record<string, number | null> }) {
  const list = Object.entries(figures).flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
  if (list.length === 0) return null;
  return (
    <section class="card" aria-label={t.value.derivedFigures}>
      <div class="kpis flat derived">
        {list.slice(0, SHOWN).map(({ name, value }) => (
          <div class="kpi" key={name} data-figure={name}>
            <div class="sub ell" title={name}>
              {derivedLabel(name)}
            </div>
            <div class="stat-v">{derivedValue(name, value)}</div>
          </div>
        ))}
      </div>
    </section>
  );
}
