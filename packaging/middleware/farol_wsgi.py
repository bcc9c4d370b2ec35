# Farol for WSGI applications and Django: tells the agent beside the application about each request. MIT licence.
"""Times every request and tells the Farol agent on this machine, without waiting for it.

Django:  MIDDLEWARE = ["farol_wsgi.DjangoMiddleware", ...]      # first, so that it times the others too
WSGI:    app = farol_wsgi.Middleware(app)                       # Flask: app.wsgi_app = farol_wsgi.Middleware(app.wsgi_app)

Who is asking: `Middleware(app, tenant=..., user=...)`, or in Django settings `FAROL = {"tenant": ..., "user": ...}`: the name of
a request header, or a function of the WSGI environ (Django: of the request). Header names may also stand in the variables
`FAROL_TENANT_HEADER` and `FAROL_USER_HEADER`.
Where the agent is: `FAROL_SOCKET` (/run/farol/farol.sock); where that is not there, `FAROL_HTTP` (127.0.0.1:4318; a name is
looked up once, at the start).

A framework that makes an answer of an exception (Flask) may name it: `environ["farol.exception"] = "ValueError"`.

Nothing here waits or raises: what the agent cannot take for seconds is dropped. Forks and threads need nothing set up.
"""

import json
import os
import re
import socket
import threading
import time

PATH_MAX = 400  # characters: the agent keeps 512 bytes of a path
BYTES_MAX = 8192  # of one request's record
QUEUE_MAX = 64 * 1024  # bytes that wait for a slow TCP connection; beyond it records are dropped
LATE_MAX = 2000  # records that wait while the agent's socket is full; beyond it records are dropped
LATE_BYTES_MAX = 32 * 1024  # of one datagram of such records; more than BYTES_MAX, so that each fits
LATE_EVERY_S = 0.01  # between two tries to send them
LATE_S = 5.0  # after which an agent that takes nothing is given up
READ_EVERY = 16  # records sent over TCP between two looks at the answers, of about 100 bytes each
RETRY_S = 1.0  # between two tries to reach an agent that is away

_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode
_traceparent = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class Sender:
    """Sends records to the agent: datagrams to its Unix socket, else requests over one kept TCP connection."""

    def __init__(self, path=None, http=None):
        self.path = path or os.environ.get("FAROL_SOCKET") or "/run/farol/farol.sock"
        host, _, port = (http or os.environ.get("FAROL_HTTP") or "127.0.0.1:4318").rpartition(":")
        self.place = look_up(host.strip("[]") or "127.0.0.1", int(port) if port.isdigit() else 4318)
        head = "POST /v1/requests HTTP/1.1\r\nhost: %s\r\ncontent-type: application/json\r\ncontent-length: "
        self.head = (head % (host or "127.0.0.1")).encode()
        self.lock = threading.Lock()
        self.pid = None
        self.forget(0.0)

    def forget(self, again_at):
        self.socket = None
        self.is_datagram = False
        self.queue = bytearray()
        self.late = []
        self.late_lock = threading.Lock()
        self.sent = 0
        self.again_at = again_at

    def send(self, record):
        """Sends one record, or drops it; never waits and never raises."""
        try:
            pid = os.getpid()
            if pid != self.pid:
                # After a fork the parent's connection and lock are not ours, whatever state they are in.
                inherited, self.pid, self.lock = self.socket, pid, threading.Lock()
                self.forget(0.0)
                if inherited is not None:
                    inherited.close()
            sock = self.socket
            if sock is None and time.monotonic() < self.again_at:
                return  # the agent is away: not even worth the encoding
            data = _encode(record).encode()
            if len(data) > BYTES_MAX:
                return
            if sock is not None and self.is_datagram:
                if self.late:
                    self.keep(data)
                    return
                # One system call sends a datagram whole, from any thread.
                try:
                    sock.send(data)
                except BlockingIOError:
                    self.keep(data)
                return
            # Held for the length of a system call that does not wait.
            with self.lock:
                self.send_locked(data)
        except Exception:
            self.close()

    def keep(self, data):
        """Keeps a record for later: the socket holds as few as ten datagrams, so a burst has to wait for the agent."""
        with self.late_lock:
            if len(self.late) >= LATE_MAX:
                return
            self.late.append(data)
            is_first = len(self.late) == 1
        if is_first:
            threading.Thread(target=self.send_late, args=(self.late, self.socket), daemon=True).start()

    def send_late(self, late, sock):
        """Sends what was kept, many records in a datagram, until nothing is left or nobody takes it."""
        waited = 0.0
        while late and waited < LATE_S:
            time.sleep(LATE_EVERY_S)
            waited += LATE_EVERY_S
            try:
                while late:
                    count, size = 0, 0
                    while count < len(late) and size + len(late[count]) < LATE_BYTES_MAX:
                        size += len(late[count]) + 1
                        count += 1
                    sock.send(b"[%s]" % b",".join(late[:count]))
                    waited = 0.0
                    del late[:count]
            except BlockingIOError:
                pass
            except Exception:
                waited = LATE_S
        if late:
            with self.late_lock:
                del late[:]

    def close(self):
        sock = self.socket
        self.forget(time.monotonic() + RETRY_S)
        try:
            if sock is not None:
                sock.close()
        except OSError:
            pass

    def send_locked(self, data):
        if self.socket is None and not self.open():
            return
        if self.is_datagram:
            try:
                self.socket.send(data)
            except BlockingIOError:
                self.keep(data)
            return
        self.sent += 1
        if self.sent % READ_EVERY == 1:
            self.read_away()
        data = b"%s%d\r\n\r\n%s" % (self.head, len(data), data)
        try:
            if self.queue:
                if len(self.queue) + len(data) < QUEUE_MAX:
                    self.queue += data
                del self.queue[: self.socket.send(self.queue)]
            else:
                # What does not fit now waits: half a request cannot be dropped.
                sent = self.socket.send(data)
                if sent < len(data):
                    self.queue += data[sent:]
        except (BlockingIOError, InterruptedError):
            if not self.queue and self.sent == 1:
                self.queue += data  # the connection is still being made

    def open(self):
        if time.monotonic() < self.again_at:
            return False
        if os.path.exists(self.path):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            is_datagram = True
        elif self.place is None:
            self.again_at = time.monotonic() + RETRY_S
            return False
        else:
            sock = socket.socket(self.place[0], socket.SOCK_STREAM)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            is_datagram = False
        sock.setblocking(False)
        try:
            sock.connect(self.path if is_datagram else self.place[1])
        except BlockingIOError:
            pass  # a TCP connection under way: what is sent meanwhile waits in the queue
        except OSError:
            # Set only now: while one thread connects the others wait for it instead of giving up.
            self.again_at = time.monotonic() + RETRY_S
            sock.close()
            return False
        self.is_datagram = is_datagram
        self.socket = sock
        return True

    def read_away(self):
        # What the agent answers is of no use here, but must not fill the connection.
        try:
            while True:
                data = self.socket.recv(65536)
                if not data:
                    raise ConnectionError("the agent closed the connection")
                if len(data) < 65536:
                    return
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            # A connection that is still being made is no failure.
            if error.errno != 107:  # ENOTCONN
                raise


def look_up(host, port):
    """Family and address of a host, or None."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return found[0], found[4]
    except (OSError, UnicodeError, IndexError):
        return None


_default = None


def default_sender():
    """The one sender of this process."""
    global _default
    if _default is None:
        _default = Sender()
    return _default


def trace_id(traceparent):
    """The trace id of a W3C traceparent header, or None."""
    found = _traceparent.match(traceparent) if traceparent else None
    return found.group(1) if found and found.group(1) != "0" * 32 else None


def option(chosen, variable):
    """A function, or the key of a header in a WSGI environ, or None."""
    chosen = chosen or os.environ.get(variable)
    return chosen if not chosen or callable(chosen) else "HTTP_" + chosen.upper().replace("-", "_")


def ask(asked, request, environ):
    """What a `tenant` or `user` option says: a header's name, or a function of the request."""
    if not asked:
        return None
    try:
        value = asked(request) if callable(asked) else environ.get(asked)
    except Exception:
        return None  # the application's answer does not depend on ours
    return str(value)[:PATH_MAX] if value not in (None, "") else None


def record(environ, route, status, started, tenant, user, exception):
    """One request as the agent reads it."""
    record = {
        "method": environ.get("REQUEST_METHOD", "GET"),
        "route": route,
        "path": (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))[:PATH_MAX],
        "status": status,
        "duration_ms": (time.perf_counter() - started) * 1000.0,
        "at": int(time.time() * 1000),
    }
    trace = trace_id(environ.get("HTTP_TRACEPARENT"))
    if trace:
        record["trace_id"] = trace
    if tenant:
        record["tenant"] = tenant
    if user:
        record["user"] = user
    if exception:
        record["exception"] = exception
    return record


class Middleware:
    """WSGI: times each request up to the last byte of its body."""

    def __init__(self, app, tenant=None, user=None, sender=None):
        self.app = app
        self.tenant = option(tenant, "FAROL_TENANT_HEADER")
        self.user = option(user, "FAROL_USER_HEADER")
        self.sender = sender or default_sender()

    def __call__(self, environ, start_response):
        seen = [time.perf_counter(), 0, ""]

        def started(status, headers, exc_info=None):
            seen[1] = int(status[:3]) if status[:3].isdigit() else 0
            try:
                # Flask takes its request out of the environ before the answer leaves.
                seen[2] = route_of(environ)
            except Exception:
                pass  # an odd route is none
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        try:
            body = self.app(environ, started)
        except BaseException as error:
            self.tell(environ, seen, type(error).__name__)
            raise
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            # The server sends a file by itself, which it would not do through us: the time ends here.
            self.tell(environ, seen, None)
            return body
        return Body(body, self, environ, seen)

    def tell(self, environ, seen, exception):
        try:
            status = seen[1] or (500 if exception else 0)
            tenant, user = ask(self.tenant, environ, environ), ask(self.user, environ, environ)
            exception = exception or environ.get("farol.exception")
            self.sender.send(record(environ, seen[2] or route_of(environ), status, seen[0], tenant, user, exception))
        except Exception:
            pass  # telling never fails a request


def route_of(environ):
    """The route that a framework left in the environ: as `farol.route`, or werkzeug's (Flask), Bottle's or routing_args'."""
    route = environ.get("farol.route")
    if route:
        return normalise(str(route))
    request = environ.get("werkzeug.request")
    rule = getattr(getattr(request, "url_rule", None), "rule", None) or getattr(environ.get("bottle.route"), "rule", None)
    return normalise(rule) if rule else ""


class Body:
    """An answer's body that tells when it ends."""

    def __init__(self, body, middleware, environ, seen):
        self.body = body
        self.parts = iter(body)
        self.middleware, self.environ, self.seen = middleware, environ, seen
        self.is_told = False

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return next(self.parts)
        except StopIteration:
            self.tell(None)
            raise
        except BaseException as error:
            self.tell(type(error).__name__)
            raise

    def __len__(self):
        return len(self.body)

    def tell(self, exception):
        if not self.is_told:
            self.is_told = True
            self.middleware.tell(self.environ, self.seen, exception)

    def close(self):
        try:
            if hasattr(self.body, "close"):
                self.body.close()
        finally:
            self.tell(None)


_parts = re.compile(r"<(?:[^<>:]*:)?([A-Za-z_]\w*)>|\(\?P<([A-Za-z_]\w*)>")
_routes = {}


def normalise(route):
    """A route as /users/{id}: from Django's `users/<int:id>/`, a regular expression's `^users/(?P<id>[0-9]+)/$`, or Flask's."""
    found = _routes.get(route)
    if found is None:
        found = "/" + _named_groups(route).lstrip("/")
        if len(_routes) < 2000:
            _routes[route] = found
    return found


def _named_groups(route):
    text, at = [], 0
    is_regex = "(?P<" in route or route[:1] == "^" or route[-1:] == "$"
    while True:
        found = _parts.search(route, at)
        if not found:
            text.append(route[at:])
            break
        text.append(route[at : found.start()])
        text.append("{%s}" % (found.group(1) or found.group(2)))
        at = found.end()
        depth = 1 if found.group(2) else 0
        while depth and at < len(route):
            if route[at] == "\\":
                at += 1
            elif route[at] in "()":
                depth += 1 if route[at] == "(" else -1
            at += 1
    joined = "".join(text)
    return joined.replace("^", "").replace("$", "").replace("\\", "").replace("?", "") if is_regex else joined


class DjangoMiddleware:
    """Django, under WSGI or ASGI: put it first in MIDDLEWARE."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response):
        self.get_response = get_response
        options = {}
        try:
            from django.conf import settings

            options = getattr(settings, "FAROL", None) or {}
        except Exception:
            pass  # outside Django, as in tests
        self.tenant = option(options.get("tenant"), "FAROL_TENANT_HEADER")
        self.user = option(options.get("user"), "FAROL_USER_HEADER")
        self.sender = options.get("sender") or default_sender()
        self.is_async = _is_coroutine_function(get_response)
        if self.is_async:
            _mark_coroutine_function(self)

    def __call__(self, request):
        started = time.perf_counter()
        if self.is_async:
            return self.call_async(request, started)
        try:
            response = self.get_response(request)
        except BaseException as error:
            self.tell(request, 500, started, type(error).__name__)
            raise
        return self.follow(request, response, started)

    async def call_async(self, request, started):
        try:
            response = await self.get_response(request)
        except BaseException as error:
            self.tell(request, 500, started, type(error).__name__)
            raise
        return self.follow(request, response, started)

    def process_exception(self, request, exception):
        # Django turns a view's exception into an answer: here is the only place that sees it.
        request._farol_exception = type(exception).__name__

    def follow(self, request, response, started):
        """Tells now, or for a streamed answer when Django closes it after the last byte."""
        try:
            if not getattr(response, "streaming", False):
                self.tell(request, response.status_code, started, None)
                return response
            close = response.close

            def closed():
                response.close = close
                try:
                    return close()
                finally:
                    self.tell(request, response.status_code, started, None)

            response.close = closed
        except Exception:
            pass
        return response

    def tell(self, request, status, started, exception):
        try:
            environ = request.META
            match = getattr(request, "resolver_match", None)
            route = normalise(match.route) if match is not None and match.route is not None else ""
            exception = exception or getattr(request, "_farol_exception", None)
            tenant, user = ask(self.tenant, request, environ), ask(self.user, request, environ)
            told = record(environ, route, status, started, tenant, user, exception)
            told["method"], told["path"] = request.method or "GET", request.path[:PATH_MAX]
            self.sender.send(told)
        except Exception:
            pass  # telling never fails a request


def _is_coroutine_function(function):
    try:
        from asgiref.sync import iscoroutinefunction
    except ImportError:
        from inspect import iscoroutinefunction
    return iscoroutinefunction(function)


def _mark_coroutine_function(middleware):
    """Django asks whether a middleware is a coroutine function by this mark."""
    try:
        from asgiref.sync import markcoroutinefunction

        markcoroutinefunction(middleware)
    except ImportError:
        import asyncio

        middleware._is_coroutine = asyncio.coroutines._is_coroutine
