// What people paste: whole, with the token once in each place that needs it, and safe whatever they typed.

import { expect, it } from 'vitest';

import { addressFault, isLoopback, PLACES, plainName, steps, type Given } from './snippets';

const GIVEN: Given = { url: 'https://app.example/farol', token: `farol_${'t'.repeat(43)}`, name: 'Loja São João' };

it.each(PLACES)('says for %s where the collector is and who comes', (place) => {
  const text = steps(place, GIVEN)
    .map((step) => step.text)
    .join('\n');
  expect(text.split(GIVEN.token)).toHaveLength(2);
  expect(text.split(GIVEN.url)).toHaveLength(2);
  expect(text).not.toMatch(/undefined|null|[ \t]$/m);
});

it('fits the sidecar beside an application', () => {
  const [step] = steps('compose', GIVEN);
  for (const line of [
    'image: farol/agent',
    'pid: "service:app"',
    'network_mode: "service:app"',
    'user: "1000:1000"',
    'mem_limit: 64m',
    'read_only: true',
    'cap_drop: [ALL]',
    'FAROL_COLLECTOR_URL: "https://app.example/farol"',
    `FAROL_TOKEN: "${GIVEN.token}"`,
    'FAROL_SERVICE: "loja-sao-joao"',
  ])
    expect(step?.text).toContain(line);
});

it('writes the two files of a package and keeps the token out of the arguments', () => {
  const [step] = steps('systemd', GIVEN);
  expect(step?.text).toBe(`sudo apt install ./farol-agent_*.deb
echo 'FAROL_COLLECTOR_URL=https://app.example/farol' | sudo tee /etc/farol/agent.env
sudo install -m 600 /dev/stdin /etc/farol/agent.token <<< '${GIVEN.token}'
sudo systemctl restart farol-agent`);
});

it('needs no quotes for a name', () => {
  expect(plainName('Loja São João')).toBe('loja-sao-joao');
  expect(plainName(`a'; rm -rf / #"$(x)`)).toBe('a-rm--rf-x');
  expect(plainName('…')).toBe('app');
  expect(plainName('web-1.prod')).toBe('web-1.prod');
});

it('knows an address that leads each machine to itself', () => {
  for (const url of ['http://127.0.0.1:8650', 'http://localhost', 'http://[::1]:8650/x', 'http://farol.localhost'])
    expect(isLoopback(url), url).toBe(true);
  for (const url of ['https://farol.example', 'http://10.0.0.5:8650', 'nonsense'])
    expect(isLoopback(url), url).toBe(false);
});

it('refuses an address that no agent takes', () => {
  for (const url of [
    'farol.example',
    'ftp://x',
    'https://u:p@x',
    'https://x/?a',
    'https://x/#a',
    "https://x/'y",
    'a b',
  ])
    expect(addressFault(url), url).toBe('addressWrong');
  for (const url of ['https://farol.example', 'http://[::1]:8650/farol']) expect(addressFault(url), url).toBeNull();
});
