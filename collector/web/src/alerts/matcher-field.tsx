// The words of a silence as chips, and the two fields that make a new one.

import { useState } from 'preact/hooks';

import { Icon } from '../ui/icon';
import { isMatcherKey, MATCHER_KEYS, offered, type MatcherKey } from './matchers';
import { ruleRows } from './rule-source';
import { openAlerts } from './source';
import { a } from './words';

/** The collector takes no more. */
const MATCHERS_MAX = 16;
const VALUE_MAX = 128;

export function keyWord(key: MatcherKey): string {
  const m = a.value;
  return {
    rule: m.keyRule,
    resource: m.keyResource,
    service: m.keyService,
    host: m.keyHost,
    environment: m.keyEnvironment,
    tenant: m.keyTenant,
    level: m.keyLevel,
  }[key];
}

interface Props {
  matchers: readonly string[];
  onChange: (matchers: string[]) => void;
}

export function MatcherField({ matchers, onChange }: Props) {
  const m = a.value;
  const [key, choose] = useState<MatcherKey>('host');
  const [value, type] = useState('');
  const values = offered(
    key,
    openAlerts.value ?? [],
    (ruleRows.value ?? []).map(({ rule }) => rule.id),
  );
  const word = `${key}=${value.trim()}`;
  const isReady = value.trim() !== '' && !matchers.includes(word) && matchers.length < MATCHERS_MAX;
  const add = () => {
    if (!isReady) return;
    onChange([...matchers, word]);
    type('');
  };
  return (
    <div class="field" role="group" aria-labelledby="sil-matchers">
      <span class="lbl" id="sil-matchers">
        {m.appliesTo}
      </span>
      {matchers.length > 0 && (
        <span class="chips">
          {matchers.map((one) => (
            <button
              key={one}
              type="button"
              class="chip on mono"
              aria-label={m.dropMatcher(one)}
              onClick={() => onChange(matchers.filter((other) => other !== one))}
            >
              {one}
              <Icon name="x" size={11} />
            </button>
          ))}
        </span>
      )}
      <span class="al-matcher">
        <span class="in sel">
          <select
            aria-label={m.matcherKey}
            value={key}
            onChange={(event) => isMatcherKey(event.currentTarget.value) && choose(event.currentTarget.value)}
          >
            {MATCHER_KEYS.map((one) => (
              <option key={one} value={one}>
                {keyWord(one)}
              </option>
            ))}
          </select>
          <Icon name="chev" size={12} />
        </span>
        <span class="in">
          <input
            aria-label={m.matcherValue}
            placeholder="web-*"
            list="sil-values"
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            maxLength={VALUE_MAX}
            value={value}
            onInput={(event) => type(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter') return;
              event.preventDefault();
              add();
            }}
          />
        </span>
        <button type="button" class="btn" disabled={!isReady} onClick={add}>
          <Icon name="plus" size={14} />
          {m.addMatcher}
        </button>
      </span>
      <datalist id="sil-values">
        {values.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <span class="hint">{m.matcherHint}</span>
    </div>
  );
}
