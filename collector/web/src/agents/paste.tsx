// What is to be pasted, for the place that the person chooses, with the token and the address filled in.

import { useState } from 'preact/hooks';

import { Field } from '../settings/form';
import { Secret } from '../settings/once';
import { SNIPPETS } from '../ui/how-to';
import { Icon } from '../ui/icon';
import { addressFault, isLoopback, PLACES, steps, type Place } from './snippets';
import { a } from './words';

export function placeName(place: Place): string {
  const m = a.value;
  const names: Record<Place, string> = {
    compose: m.placeCompose,
    docker: m.placeDocker,
    systemd: m.placeSystemd,
    tarball: m.placeTarball,
    exec: 'farol-agent exec',
    django: SNIPPETS.django.name,
    fastapi: SNIPPETS.fastapi.name,
    express: SNIPPETS.express.name,
    proxy: m.placeProxy,
    otlp: SNIPPETS.otlp.name,
  };
  return names[place];
}

export function Paste({ name, token, url: found }: { name: string; token: string; url: string }) {
  const m = a.value;
  const [place, choose] = useState<Place>('compose');
  const [typed, setUrl] = useState(found);
  const fault = addressFault(typed.trim());
  // What cannot be an address does not get into a command.
  const url = fault === null ? typed.trim().replace(/\/+$/, '') : found;
  return (
    <section class="card" aria-labelledby="agent-two">
      <header>
        <h2 id="agent-two">{m.stepTwo}</h2>
      </header>
      <div class="b agent-paste">
        <p class="note warn">
          <Icon name="key" size={15} />
          <span class="grow">
            <b>{m.onceTitle}</b> {m.onceText}
          </span>
        </p>
        <Field
          id="agent-address"
          label={m.address}
          value={typed}
          onInput={setUrl}
          hint={m.addressHint}
          fault={fault === null ? null : m[fault]}
          maxLength={500}
        />
        {isLoopback(url) && (
          <p class="note" data-loopback>
            <Icon name="info" size={15} />
            <span class="grow">{m.loopback}</span>
          </p>
        )}
        <div class="chips" role="group" aria-label={m.places}>
          {PLACES.map((one) => (
            <button key={one} type="button" class="chip" aria-pressed={one === place} onClick={() => choose(one)}>
              {placeName(one)}
            </button>
          ))}
        </div>
        {steps(place, { url, token, name }).map((step, index) => (
          <div key={`${place}-${step.word}`} class="field" data-step={step.word}>
            <span class="lbl">{m[step.word]}</span>
            <Secret text={step.text} label={m.copyStep(index + 1)} />
          </div>
        ))}
      </div>
    </section>
  );
}
