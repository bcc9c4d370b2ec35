// The frame around signing in, and what stands in it when the collector does not answer.

import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

import { t } from '../i18n/index';
import { LanguageSwitch } from '../shell/shell';
import { ask, session, version } from '../state/session';
import { Icon, Mark } from '../ui/icon';

export function Frame({ title, text, children }: { title: string; text: string; children: ComponentChildren }) {
  const m = t.value;
  const isUp = session.value.state !== 'unreachable';
  return (
    <main class="login">
      <div class="lcard">
        <div class={`row lbrand ${isUp ? 'ok' : 'unk'}`}>
          <Mark size={30} />
          <b>Farol</b>
        </div>
        <h1>{title}</h1>
        <p class="muted">{text}</p>
        {children}
      </div>
      <div class="row lfoot">
        <span class="row">
          <span class={`led ${isUp ? 'ok' : 'crit'}`} />
          {isUp ? m.collectorUp : m.collectorDown}
          {version.value !== null && ` · v${version.value}`}
        </span>
        <LanguageSwitch />
      </div>
    </main>
  );
}

/** The collector does not answer at all: tries again by itself every few seconds. */
export function Unreachable() {
  const m = t.value;
  useEffect(() => {
    const timer = setInterval(() => void ask(), 3_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <Frame title={m.collectorDown} text={m.unreachable}>
      <button class="btn lg" onClick={() => void ask()}>
        <Icon name="refresh" />
        {m.retry}
      </button>
    </Frame>
  );
}
