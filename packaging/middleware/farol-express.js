// Farol for Express (and Connect): tells the agent beside the application about each request. MIT licence.
//
//   const farol = require('./farol-express');
//   app.use(farol());                 // first, so that it times everything else too
//   ...routes...
//   app.use(farol.errors);            // last, before other error handlers: tells the type of what was thrown
//
// farol({tenant, user}): the name of a request header, or a function of the request. Header names may also stand in the
// variables FAROL_TENANT_HEADER and FAROL_USER_HEADER. The agent is reached at FAROL_HTTP (127.0.0.1:4318): Node has no Unix
// datagram sockets. Nothing here waits or throws: what cannot be sent at once is dropped.
'use strict';

const net = require('node:net');

const PATH_MAX = 400; // characters: the agent keeps 512 bytes of a path
const BATCH_MAX = 100; // records in one request to the agent
const WAITING_MAX = 1000; // records that wait for the end of a turn of the event loop
const QUEUE_MAX = 256 * 1024; // bytes that wait in a slow connection; beyond it records are dropped
const RETRY_MS = 1000; // between two tries to reach an agent that is away

/** Sends records over one kept connection and reads the answers away. */
class Sender {
  constructor(http = process.env.FAROL_HTTP || '127.0.0.1:4318') {
    const at = http.lastIndexOf(':');
    this.host = http.slice(0, at).replace(/^\[|\]$/g, '') || '127.0.0.1';
    this.port = Number(http.slice(at + 1)) || 4318;
    this.head = `POST /v1/requests HTTP/1.1\r\nhost: ${http}\r\ncontent-type: application/json\r\ncontent-length: `;
    this.socket = null;
    this.againAt = 0;
    this.waiting = [];
    this.dropped = 0;
    this.flush = this.flush.bind(this);
  }

  /** Takes a record; it leaves, with all others of this turn, when the turn has ended. */
  send(record) {
    if (this.waiting.length >= WAITING_MAX) {
      this.dropped += 1;
    } else if (this.waiting.push(record) === 1) {
      setImmediate(this.flush);
    }
  }

  flush() {
    const records = this.waiting;
    this.waiting = [];
    try {
      const socket = this.socket || this.open();
      for (let from = 0; from < records.length; from += BATCH_MAX) {
        const part = records.slice(from, from + BATCH_MAX);
        if (!socket || socket.writableLength > QUEUE_MAX) {
          this.dropped += part.length;
          continue;
        }
        const body = JSON.stringify(part);
        socket.write(`${this.head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
      }
    } catch {
      this.dropped += records.length;
      this.close();
    }
  }

  open() {
    const now = Date.now();
    if (now < this.againAt) return null;
    this.againAt = now + RETRY_MS;
    const socket = net.connect({ host: this.host, port: this.port, noDelay: true });
    const gone = () => {
      if (this.socket === socket) this.close();
    };
    // An agent that is away, or goes away, is no fault of the application; nor does the connection keep it alive.
    socket.on('error', gone).on('close', gone).on('end', gone).resume().unref();
    this.socket = socket;
    return socket;
  }

  close() {
    const socket = this.socket;
    this.socket = null;
    this.againAt = Date.now() + RETRY_MS;
    if (socket) socket.destroy();
  }
}

let shared = null;

/** The middleware. Options: tenant, user, and for tests sender. */
function farol(options = {}) {
  const tenant = options.tenant || process.env.FAROL_TENANT_HEADER;
  const user = options.user || process.env.FAROL_USER_HEADER;
  const sender = options.sender || (shared = shared || new Sender());
  return function farolMiddleware(req, res, next) {
    const started = performance.now();
    const path = pathOf(req.originalUrl || req.url || '');
    let isTold = false;
    const tell = () => {
      if (isTold) return;
      isTold = true;
      try {
        const record = {
          method: req.method,
          route: routeOf(req),
          path,
          // A connection that closed before the answer began got none.
          status: res.headersSent || res.writableEnded ? res.statusCode : 0,
          duration_ms: performance.now() - started,
          at: Date.now(),
        };
        const trace = traceId(req.headers.traceparent);
        if (trace) record.trace_id = trace;
        const tenantNow = ask(tenant, req);
        if (tenantNow) record.tenant = tenantNow;
        const userNow = ask(user, req);
        if (userNow) record.user = userNow;
        if (req.farolException) record.exception = req.farolException;
        sender.send(record);
      } catch {
        // telling never fails a request
      }
    };
    // `finish`: the last byte was handed over; `close` alone: the connection ended before that.
    res.once('finish', tell);
    res.once('close', tell);
    next();
  };
}

/** Error handler that notes the type of an error and passes it on. */
function errors(error, req, _res, next) {
  try {
    req.farolException = String((error && (error.name || error.constructor.name)) || typeof error).slice(0, PATH_MAX);
  } catch {
    // whatever was thrown is passed on
  }
  next(error);
}

function ask(option, req) {
  if (!option) return undefined;
  try {
    const value = typeof option === 'function' ? option(req) : req.headers[option.toLowerCase()];
    return value === undefined || value === null || value === '' ? undefined : String(value).slice(0, PATH_MAX);
  } catch {
    return undefined;
  }
}

function pathOf(url) {
  const end = url.indexOf('?');
  return (end < 0 ? url : url.slice(0, end)).slice(0, PATH_MAX);
}

/** The trace id of a W3C traceparent header. */
function traceId(traceparent) {
  const found = typeof traceparent === 'string' && /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent);
  return found && !/^0+$/.test(found[1]) ? found[1] : undefined;
}

const IDENTIFIER = /^(\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,})$/i;
const templates = new Map();

/** The route as /users/{id}; empty where none matched. */
function routeOf(req) {
  const path = req.route && req.route.path;
  if (typeof path !== 'string') return '';
  // The part that a mounted router took holds what was asked for, not its template.
  const base = req.baseUrl ? req.baseUrl.split('/').map((part) => (IDENTIFIER.test(part) ? '{id}' : part)).join('/') : '';
  let template = templates.get(path);
  if (template === undefined) {
    template = path
      .replace(/[{}]/g, '')
      .replace(/:(\w+)(\([^)]*\))?[?+*]?/g, '{$1}')
      .replace(/\*(\w+)/g, '{$1}');
    if (templates.size < 2000) templates.set(path, template);
  }
  const whole = template === '/' && base ? base : base + template;
  return whole.startsWith('/') ? whole : `/${whole}`;
}

module.exports = farol;
module.exports.errors = errors;
module.exports.Sender = Sender;
module.exports.routeOf = routeOf;
module.exports.traceId = traceId;
