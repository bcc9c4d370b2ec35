# Farol for ASGI applications (FastAPI, Starlette, Quart, Litestar): tells the agent about each request. MIT licence.
"""Times every request and tells the Farol agent on this machine, without waiting for it.

FastAPI, Starlette:  app.add_middleware(farol_asgi.Middleware)      # added last, so that it times the others too
ASGI:                app = farol_asgi.Middleware(app)

Who is asking: `Middleware(app, tenant=..., user=...)`: the name of a request header, or a function of the ASGI scope. Header
names may also stand in the variables `FAROL_TENANT_HEADER` and `FAROL_USER_HEADER`.
Where the agent is: `FAROL_SOCKET` (/run/farol/farol.sock); where that is not there, `FAROL_HTTP` (127.0.0.1:4318; a name is
looked up once, at the start).

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


def header(scope, name):
    """A request header of an ASGI scope, or None."""
    for key, value in scope.get("headers") or ():
        if key == name:
            return value.decode("latin-1")
    return None


def option(chosen, variable):
    """A function, or a header's name as ASGI has it, or None."""
    chosen = chosen or os.environ.get(variable)
    return chosen if not chosen or callable(chosen) else chosen.lower().encode("latin-1")


def ask(asked, scope):
    """What a `tenant` or `user` option says: a header's name, or a function of the scope."""
    if not asked:
        return None
    try:
        value = asked(scope) if callable(asked) else header(scope, asked)
    except Exception:
        return None  # the application's answer does not depend on ours
    return str(value)[:PATH_MAX] if value not in (None, "") else None


class Middleware:
    """ASGI: times each HTTP request up to the last byte of its body."""

    def __init__(self, app, tenant=None, user=None, sender=None):
        self.app = app
        self.tenant = option(tenant, "FAROL_TENANT_HEADER")
        self.user = option(user, "FAROL_USER_HEADER")
        self.sender = sender or default_sender()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = Seen(scope)

        async def sent(message):
            await send(message)
            if message["type"] == "http.response.start":
                seen.status = message["status"]
            elif message["type"] == "http.response.body" and not message.get("more_body", False):
                seen.ended = time.perf_counter()
                # What fails may still raise, and with it tell why. What comes after a good answer is none of its time.
                if seen.status < 500:
                    self.tell(scope, seen, None)

        try:
            await self.app(scope, receive, sent)
        except BaseException as error:
            self.tell(scope, seen, type(error).__name__)
            raise
        self.tell(scope, seen, None)

    def tell(self, scope, seen, exception):
        if seen.is_told:
            return
        seen.is_told = True
        try:
            status = seen.status or (500 if exception and exception != "CancelledError" else 0)
            ended = seen.ended or time.perf_counter()
            record = {
                "method": scope.get("method", "GET"),
                "route": route_of(scope, seen.root),
                "path": seen.path,
                "status": status,
                "duration_ms": (ended - seen.started) * 1000.0,
                "at": int(time.time() * 1000),
            }
            trace = trace_id(header(scope, b"traceparent"))
            tenant, user = ask(self.tenant, scope), ask(self.user, scope)
            if trace:
                record["trace_id"] = trace
            if tenant:
                record["tenant"] = tenant
            if user:
                record["user"] = user
            if exception:
                record["exception"] = exception
            self.sender.send(record)
        except Exception:
            pass  # telling never fails a request


class Seen:
    """What is known of one request so far."""

    __slots__ = ("started", "ended", "status", "path", "root", "is_told")

    def __init__(self, scope):
        self.started = time.perf_counter()
        self.ended = None
        self.status = 0
        self.path = scope.get("path", "")[:PATH_MAX]
        self.root = scope.get("root_path", "")
        self.is_told = False


_converter = re.compile(r"\{([A-Za-z_]\w*):[^{}]*\}")
_endpoints = {}


def route_of(scope, root):
    """The route as /users/{id}: what FastAPI leaves in the scope, or what Starlette's routes say of the endpoint."""
    route = scope.get("route")
    path = getattr(route, "path", None) or getattr(route, "path_format", None)
    if path is None:
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return ""
        path = _endpoints.get(endpoint)
        if path is None:
            path = _find(getattr(scope.get("router") or scope.get("app"), "routes", None) or (), endpoint) or ""
            if len(_endpoints) < 2000:
                _endpoints[endpoint] = path
        if not path:
            return ""
    # Mounts add what they took off the path.
    now = scope.get("root_path", "")
    mounted = now[len(root) :] if now.startswith(root) else ""
    return _converter.sub(r"{\1}", mounted + path) or "/"


def _find(routes, endpoint):
    for route in routes:
        if getattr(route, "endpoint", None) is endpoint:
            return getattr(route, "path", None)
    for route in routes:
        found = _find(getattr(route, "routes", None) or (), endpoint)
        if found:
            return found
    return None
