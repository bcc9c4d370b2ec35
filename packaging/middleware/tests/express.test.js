// Tests of the Express middleware, with Node only: node --test packaging/middleware/tests
'use strict';

const assert = require('node:assert');
const http = require('node:http');
const net = require('node:net');
const { EventEmitter, once } = require('node:events');
const { test } = require('node:test');

const farol = require('../farol-express');

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function request(more = {}) {
  return { method: 'GET', originalUrl: '/users/7?a=b', headers: { traceparent: TRACE, 'x-tenant': 'acme' }, ...more };
}

function response(more = {}) {
  return Object.assign(new EventEmitter(), { statusCode: 200, headersSent: true, ...more });
}

function kept() {
  const records = [];
  return { records, send: (record) => records.push(record) };
}

async function until(isSo) {
  const end = Date.now() + 20000;
  while (!isSo()) {
    assert.ok(Date.now() < end, 'it never came true');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** An agent that counts what it gets, over any number of connections. */
async function agent() {
  const seen = { records: [], connections: 0 };
  const server = http.createServer((req, res) => {
    let text = '';
    req.on('data', (part) => (text += part)).on('end', () => {
      assert.strictEqual(req.url, '/v1/requests');
      seen.records.push(...JSON.parse(text));
      res.writeHead(202).end('{}');
    });
  });
  server.on('connection', () => (seen.connections += 1));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  seen.place = `127.0.0.1:${server.address().port}`;
  seen.close = () => (server.closeAllConnections(), server.close());
  return seen;
}

test('a request is told once, when its answer has been sent', () => {
  const sender = kept();
  const [req, res] = [request({ route: { path: '/:id' }, baseUrl: '/users' }), response({ statusCode: 201 })];
  let passed = 0;
  farol({ sender, tenant: 'X-Tenant', user: () => 42 })(req, res, () => (passed += 1));
  assert.deepStrictEqual([passed, sender.records.length], [1, 0]);
  res.emit('finish');
  res.emit('close');
  const [{ duration_ms: duration, at, ...told }, ...others] = sender.records;
  assert.ok(duration >= 0 && at > 0 && others.length === 0);
  assert.deepStrictEqual(told, {
    method: 'GET',
    route: '/users/{id}',
    path: '/users/7',
    status: 201,
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    tenant: 'acme',
    user: '42',
  });
});

test('an error is named and passed on; a connection that closed early has no status', () => {
  const sender = kept();
  const [req, res] = [request(), response({ headersSent: false })];
  farol({ sender, tenant: () => assert.fail('of ours') })(req, res, () => {});
  const error = new TypeError('x');
  farol.errors(error, req, res, (passed) => assert.strictEqual(passed, error));
  farol.errors(null, {}, res, () => {});
  res.emit('close');
  assert.strictEqual(sender.records[0].exception, 'TypeError');
  assert.strictEqual(sender.records[0].status, 0);
});

test('routes are written with braces', () => {
  const cases = [
    ['/users/:id', '', '/users/{id}'],
    ['/:id(\\d+)/:what?', '/users', '/users/{id}/{what}'],
    ['/', '/users', '/users'],
    ['/', '', '/'],
    ['/files/*rest', '', '/files/{rest}'],
    ['/a{/:b}', '', '/a/{b}'],
    ['/x', '/orgs/17/teams/0af76519-16cd-43dd-8448-eb211c80319c', '/orgs/{id}/teams/{id}/x'],
  ];
  for (const [path, baseUrl, expected] of cases) assert.strictEqual(farol.routeOf({ route: { path }, baseUrl }), expected);
  assert.strictEqual(farol.routeOf({}), '');
  assert.strictEqual(farol.routeOf({ route: { path: /a/ } }), '');
});

test('trace ids', () => {
  assert.strictEqual(farol.traceId(TRACE), '0af7651916cd43dd8448eb211c80319c');
  for (const wrong of [undefined, '', 'x', ['a'], `00-${'0'.repeat(32)}-b7ad6b7169203331-01`]) {
    assert.strictEqual(farol.traceId(wrong), undefined);
  }
});

test('everything reaches the agent over one connection, in few requests', async () => {
  const seen = await agent();
  const sender = new farol.Sender(seen.place);
  for (let n = 0; n < 950; n += 1) sender.send({ n });
  await until(() => seen.records.length === 950);
  for (let n = 950; n < 1000; n += 1) sender.send({ n });
  await until(() => seen.records.length === 1000);
  assert.deepStrictEqual(seen.records.map(({ n }) => n), [...Array(1000).keys()]);
  assert.deepStrictEqual([seen.connections, sender.dropped], [1, 0]);
  sender.close();
  seen.close();
});

test('an agent that is away costs nothing, and is found when it is back', async () => {
  const seen = await agent();
  const sender = new farol.Sender('127.0.0.1:1');
  sender.send({ n: 0 });
  await until(() => sender.againAt > 0 && sender.socket === null);
  sender.send({ n: 1 });
  await until(() => sender.dropped === 1);
  [sender.port, sender.againAt] = [Number(seen.place.split(':')[1]), 0];
  sender.send({ n: 2 });
  await until(() => seen.records.length === 1);
  sender.close();
  seen.close();
});

test('a deaf agent is bounded', async () => {
  const server = net.createServer((socket) => socket.pause());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const sender = new farol.Sender(`127.0.0.1:${server.address().port}`);
  const text = 'x'.repeat(1000);
  while (sender.dropped === 0) {
    for (let n = 0; n < 1000; n += 1) sender.send({ text });
    await new Promise(setImmediate);
  }
  assert.ok(sender.socket.writableLength < 1024 * 1024);
  sender.close();
  server.close();
});
