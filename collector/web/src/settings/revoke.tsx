// Asking before a token is revoked: whose it is, when it was used last, and what stops.

import { Confirm } from '../cache/confirm';
import { span } from '../i18n/format';
import { t } from '../i18n/index';
import { now } from '../live/feed';
import { toast } from '../ui/toast';
import { told } from './refusal';
import { s } from './words';

interface Props {
  row: { name: string; last_used: number | null };
  /** What happens to those who use it. */
  fact: string;
  deed: () => Promise<unknown>;
  onClose: () => void;
  onDone: () => void;
}

export function RevokeDialog({ row, fact, deed, onClose, onDone }: Props) {
  const m = s.value;
  const used =
    row.last_used === null ? m.tokenUnused : m.tokenUsed(t.value.ago(span(Math.max(0, now.value - row.last_used))));
  return (
    <Confirm
      title={m.tokenRevokeTitle(row.name)}
      sub={m.tokenRevokeSub}
      facts={[fact, used]}
      keep={m.tokenKeep}
      act={m.tokenRevokeAct}
      onClose={onClose}
      onAct={async () => {
        await told(deed());
        toast('ok', m.tokenRevokedNow(row.name));
        onDone();
        onClose();
      }}
    />
  );
}
