// What is to be pasted to add an agent, for each place where one runs. Pure text: the same in every language.

import { SNIPPETS } from '../ui/how-to';

export type Place =
  'compose' | 'docker' | 'systemd' | 'tarball' | 'exec' | 'django' | 'fastapi' | 'express' | 'proxy' | 'otlp';

/** In the order in which they are offered. */
export const PLACES: readonly Place[] = [
  'compose',
  'docker',
  'systemd',
  'tarball',
  'exec',
  'django',
  'fastapi',
  'express',
  'proxy',
  'otlp',
];

/** What goes into the text. */
export interface Given {
  /** The collector's address, without a slash at its end. */
  url: string;
  token: string;
  /** What the agent's token is called, and the application that it watches. */
  name: string;
}

/** What a step does: its words stand in the catalogue. */
export type StepWord =
  | 'stepCompose'
  | 'stepDocker'
  | 'stepDeb'
  | 'stepTarball'
  | 'stepExec'
  | 'stepImage'
  | 'stepMiddleware'
  | 'stepOtlp'
  | 'stepProxy';

export interface Step {
  word: StepWord;
  text: string;
}

/** A name that needs no quotes in a shell, in YAML or in a label. */
export function plainName(name: string): string {
  const plain = name
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[-._]+|[-._]+$/g, '');
  return plain === '' ? 'app' : plain;
}

/** The address as text between single quotes of a shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./[\]-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** As a value of YAML. */
function scalar(text: string): string {
  return JSON.stringify(text);
}

function variables({ url, token, name }: Given): string {
  return `FAROL_COLLECTOR_URL=${quoted(url)} FAROL_TOKEN=${quoted(token)} FAROL_SERVICE=${plainName(name)}`;
}

function compose({ url, token, name }: Given): string {
  return `services:
  farol-agent:
    image: farol/agent
    pid: "service:app"
    network_mode: "service:app"
    user: "1000:1000"
    environment:
      FAROL_COLLECTOR_URL: ${scalar(url)}
      FAROL_TOKEN: ${scalar(token)}
      FAROL_SERVICE: ${scalar(plainName(name))}
    restart: unless-stopped
    mem_limit: 64m
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]`;
}

function docker({ url, token }: Given): string {
  return `docker run -d --name farol-agent --restart unless-stopped \\
  --pid host --network host --memory 96m --read-only \\
  --cap-drop ALL --security-opt no-new-privileges \\
  -v /:/host:ro,rslave -e FAROL_ROOT=/host \\
  -e FAROL_COLLECTOR_URL=${quoted(url)} \\
  -e FAROL_TOKEN=${quoted(token)} \\
  farol/agent`;
}

/** Two files and a start, once the program is there. */
function files({ url, token }: Given, start = 'restart'): string {
  return `echo 'FAROL_COLLECTOR_URL=${url}' | sudo tee /etc/farol/agent.env
sudo install -m 600 /dev/stdin /etc/farol/agent.token <<< '${token}'
sudo systemctl ${start} farol-agent`;
}

const beside = (given: Given): Step => ({ word: 'stepExec', text: exec(given, 'gunicorn shop.wsgi') });

function exec(given: Given, command: string): string {
  return `${variables(given)} \\\n  farol-agent exec -- ${command}`;
}

const IMAGE = `COPY --from=farol/agent /usr/bin/farol-agent /usr/bin/farol-agent
ENTRYPOINT ["farol-agent", "exec", "--"]`;

/** What is to be done at a place, in order. */
export function steps(place: Place, given: Given): Step[] {
  switch (place) {
    case 'compose':
      return [{ word: 'stepCompose', text: compose(given) }];
    case 'docker':
      return [{ word: 'stepDocker', text: docker(given) }];
    case 'systemd':
      return [{ word: 'stepDeb', text: `sudo apt install ./farol-agent_*.deb\n${files(given)}` }];
    case 'tarball':
      return [
        {
          word: 'stepTarball',
          text: `tar -xzf farol-*-linux-amd64.tar.gz
sudo farol-*-linux-amd64/install.sh agent
${files(given, 'enable --now')}`,
        },
      ];
    case 'exec':
      return [beside(given), { word: 'stepImage', text: IMAGE }];
    case 'django':
      return [beside(given), { word: 'stepMiddleware', text: SNIPPETS.django.text }];
    case 'fastapi':
      return [
        { word: 'stepExec', text: exec(given, 'uvicorn shop:app') },
        { word: 'stepMiddleware', text: SNIPPETS.fastapi.text },
      ];
    case 'express':
      return [
        { word: 'stepExec', text: exec(given, 'node server.js') },
        { word: 'stepMiddleware', text: SNIPPETS.express.text },
      ];
    case 'proxy':
      return [{ word: 'stepProxy', text: `${variables(given)} \\\n  ${SNIPPETS.proxy.text}` }];
    case 'otlp':
      return [
        { word: 'stepOtlp', text: `${variables(given)} farol-agent run` },
        { word: 'stepMiddleware', text: SNIPPETS.otlp.text.replace('shop', plainName(given.name)) },
      ];
  }
}

/** Whether other machines cannot mean this address: it leads each of them to itself. */
export function isLoopback(url: string): boolean {
  let host: string;
  try {
    host = new URL(url).hostname;
  } catch {
    return false;
  }
  return host === 'localhost' || host.endsWith('.localhost') || /^127\.|^\[::1\]$|^0\.0\.0\.0$|^\[::\]$/.test(host);
}

/** What is wrong with an address for agents; null when nothing is. */
export function addressFault(url: string): 'addressWrong' | null {
  try {
    const { protocol, username, password, search, hash } = new URL(url);
    const isGood = ['http:', 'https:'].includes(protocol) && `${username}${password}${search}${hash}` === '';
    return isGood && !/['"\\\s]/.test(url) ? null : 'addressWrong';
  } catch {
    return 'addressWrong';
  }
}
