// Words of HTTP as tables show them: method and route, status, trace.

import { useState } from 'preact/hooks';

import { t } from '../i18n/index';
import { Icon } from './icon';

export function Endpoint({ method, route }: { method: string; route: string }) {
  return (
    <span class="endpoint" title={`${method} ${route}`}>
      <span class="meth">{method}</span>
      <span class="mono ell">{route}</span>
    </span>
  );
}

/** The class of a status: the server's faults are red, the client's yellow. */
export function statusClass(status: number): 'crit' | 'warn' | 'muted' {
  if (status >= 500 || status === 0) return 'crit';
  return status >= 400 ? 'warn' : 'muted';
}

/** The status as text; 0 means that there was no answer. */
export function statusText(status: number): string {
  return status === 0 ? t.value.noAnswer : String(status);
}

export function Status({ status }: { status: number }) {
  return <span class={`http ${statusClass(status)}`}>{statusText(status)}</span>;
}

const TRACE_SHOWN = 8;

/** The first digits of a trace id; the whole of it goes to the clipboard. */
export function Trace({ id }: { id: string | null }) {
  const m = t.value;
  const [isCopied, copied] = useState(false);
  if (id === null || id === '') return <span class="faint">—</span>;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(id);
      copied(true);
      setTimeout(() => copied(false), 2_000);
    } catch {
      // No clipboard on a plain http page: the title has the whole of it.
    }
  };
  return (
    <button class="trace mono" title={`${m.copyTrace}: ${id}`} onClick={copy}>
      {id.slice(0, TRACE_SHOWN)}
      <span class="sr"> {isCopied ? m.copied : m.copyTrace}</span>
      <Icon name={isCopied ? 'check' : 'copy'} size={12} />
    </button>
  );
}
