// Starts the real collector and agent for the browser tests, and ends them.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const project = resolve(import.meta.dirname, '../..');
const target = process.env.CARGO_TARGET_DIR ?? join(project, 'target');
const collectorProgram = process.env.FAROL_COLLECTOR_BIN ?? join(target, 'x86_64-unknown-linux-gnu/release/farol-collector');
const agentProgram = process.env.FAROL_AGENT_BIN ?? join(target, 'x86_64-unknown-linux-gnu/agent/farol-agent');

/** Token that agents use in every test. */
export const AGENT_TOKEN = 'farol-test-agent-token-0123456789abcdef';
/** Password of the administrator in every test. */
export const PASSWORD = 'a-lighthouse-for-tests';

let count = 0;

/** Asks until the answer is neither false nor an error; fails with what was last seen. */
export async function until(what, ask, patienceMs = 60_000) {
  const start = performance.now();
  let seen;
  for (;;) {
    try {
      seen = await ask();
      if (seen) return seen;
    } catch (error) {
      seen = error;
    }
    if (performance.now() - start > patienceMs)
      throw new Error(`waited ${patienceMs} ms for ${what}; last seen: ${seen}`);
    await pause(20);
  }
}

class Program {
  constructor(name, file, args, env) {
    this.folder = mkdtempSync(join(tmpdir(), 'farol-web-'));
    this.log = join(this.folder, `${name}.log`);
    this.file = file;
    this.args = args;
    this.env = { PATH: process.env.PATH, ...env };
    this.start();
  }

  start() {
    const log = openSync(this.log, 'a');
    this.process = spawn(this.file, this.args, {
      env: this.env,
      stdio: ['ignore', log, log],
    });
    this.ended = new Promise((done, fail) => {
      this.process.once('exit', done);
      this.process.once('error', fail);
    });
  }

  text() {
    return readFileSync(this.log, 'utf8');
  }

  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
  }

  async remove() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A collector on an address of its own, so that a restarted one gets it back. */
export class Collector extends Program {
  constructor(env = {}) {
    count += 1;
    const address = `127.${((process.pid >> 8) % 254) + 1}.${process.pid % 256}.${count}:8650`;
    const data = mkdtempSync(join(tmpdir(), 'farol-web-data-'));
    super('collector', collectorProgram, ['serve'], {
      FAROL_LISTEN: address,
      FAROL_DATA_DIR: data,
      FAROL_AGENT_TOKEN: AGENT_TOKEN,
      ...env,
    });
    this.url = `http://${address}`;
    this.data = data;
  }

  async ready() {
    await until('the collector to answer', async () => {
      if (this.process.exitCode !== null) throw new Error(`the collector ended:\n${this.text()}`);
      return (await fetch(`${this.url}/health`)).ok;
    });
    return this;
  }

  /** The one-time link that the collector prints while it has no administrator. */
  async setupLink() {
    return until('the set-up link', () => this.text().match(/https?:\/\/\S*#\/setup\?token=\S+/)?.[0]);
  }

  /** Asks the API as the administrator. */
  async api(path) {
    if (!this.token) {
      const answer = await fetch(`${this.url}/api/auth/login`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ username: 'admin', password: PASSWORD }),
      });
      this.token = (await answer.json()).token;
    }
    const answer = await fetch(this.url + path, {
      headers: { Authorization: `Bearer ${this.token}` },
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async remove() {
    await super.remove();
    rmSync(this.data, { recursive: true, force: true });
  }
}

/** An agent that delivers to this collector, with more of its settings if wanted. */
export function agentBeside(collector, service, env = {}) {
  return new Program('agent', agentProgram, [], {
    FAROL_COLLECTOR_URL: collector.url,
    FAROL_TOKEN: AGENT_TOKEN,
    FAROL_SERVICE: service,
    FAROL_NAME: service,
    ...env,
  });
}

/** A Redis of its own on a free port, with nothing kept on disk. */
export class Redis extends Program {
  static async start() {
    const port = await freePort();
    const one = new Redis(
      'redis',
      'redis-server',
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', tmpdir()],
      {},
    );
    one.port = port;
    one.url = `redis://127.0.0.1:${port}/0`;
    await until('Redis to answer', () => one.ask('PING').includes('PONG'));
    return one;
  }

  /** What a command answers, as text. */
  ask(...words) {
    const { status, stdout, stderr } = spawnSync('redis-cli', ['-p', String(this.port), ...words], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`redis-cli ${words[0]}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Writes `count` keys called `PREFIX:NUMBER`. */
  fill(prefix, count) {
    const script = `for i = 1, ${count} do redis.call('SET', '${prefix}:' .. i, 'value ' .. i) end`;
    this.ask('EVAL', script, '0');
  }
}

/** A port that nobody has. */
export function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** A file of settings for a collector, in a folder that `remove` takes away. */
export class Settings {
  constructor(text) {
    this.folder = mkdtempSync(join(tmpdir(), 'farol-web-'));
    this.path = join(this.folder, 'farol.toml');
    writeFileSync(this.path, text);
  }

  async remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Path of the browser, which is Debian's. */
export function browserPath() {
  const found =
    process.env.FAROL_CHROMIUM ??
    spawnSync('sh', ['-c', 'command -v chromium'], {
      encoding: 'utf8',
    }).stdout.trim();
  if (!found) throw new Error('chromium is not installed (Debian package chromium)');
  return found;
}
