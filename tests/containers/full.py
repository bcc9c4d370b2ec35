# The full example, end to end: orders are made, tasks run, and the collector shows requests, queue, cache, database, containers.

import io
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request

from engine import COMPOSE, HERE, TOKEN, Api, Kernel, Test, now_ms, until

SHOP = "http://127.0.0.1:8000"
NAMES = ["DJANGO_SECRET_KEY", "POSTGRES_PASSWORD", "POSTGRES_FAROL_PASSWORD", "RABBITMQ_PASSWORD", "REDIS_PASSWORD"]
REQUIREMENTS = COMPOSE / "full/app/requirements.txt"


def put(archive, path, text, mode=0o755):
    """Puts a file into an image's archive; a folder when there is no text."""
    entry = tarfile.TarInfo(path)
    entry.mode = mode
    if text is None:
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
    else:
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))


def server(name, path, *folders):
    """What stands for an official image's entry point, and folders in which any user of the image may keep data."""
    text = (HERE / "servers" / name).read_bytes()

    def add(archive):
        put(archive, path, text)
        for folder in folders:
            put(archive, folder, None, 0o1777)
    return add, text.decode()


def shop_python(archive):
    """The example's requirements, so that `pip install` in the engine, which has no way out, finds them there already."""
    with tempfile.TemporaryDirectory() as place:
        # Of the machine's own Python, which the image has too.
        subprocess.run(["/usr/bin/python3", "-m", "venv", f"{place}/venv"], check=True)
        # The engine's network has no way out; the parent's, which started this test, has.
        outside = ["nsenter", f"--net=/proc/{os.getppid()}/ns/net"]
        subprocess.run([*outside, f"{place}/venv/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check",
                        "--target", f"{place}/all", "pip", "-r", REQUIREMENTS], check=True)
        version = next(pathlib.Path(f"{place}/venv/lib").iterdir()).name
        archive.add(f"{place}/all", f"usr/local/lib/{version}/dist-packages")
        link = tarfile.TarInfo("usr/bin/python")
        link.type, link.linkname = tarfile.SYMTYPE, "python3"
        archive.addfile(link)


class Full(Test):
    @classmethod
    def images(cls):
        engine = cls.engine
        engine.agent_image()
        engine.collector_image()
        engine.stand_in("python:3.13-slim", ["python3", "tzdata"], shop_python, REQUIREMENTS.read_text(), ["ENV PIP_BREAK_SYSTEM_PACKAGES=1"])
        add, text = server("postgres", "usr/local/bin/entry", "var/lib/postgresql/data")
        path = "ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/sbin:/usr/bin"
        engine.stand_in("postgres:17", ["postgresql-15"], add, text, [path, "ENTRYPOINT [\"/usr/local/bin/entry\"]"])
        engine.stand_in("redis:8", ["redis-server", "redis-tools"])
        add, text = server("rabbitmq", "usr/local/bin/entry")
        tell, words = server("rabbitmq-diagnostics", "usr/local/bin/rabbitmq-diagnostics")
        both = lambda archive: (add(archive), tell(archive))
        engine.stand_in("rabbitmq:4-management", ["rabbitmq-server"], both, text + words, ["ENTRYPOINT [\"/usr/local/bin/entry\"]"])

    def ask(self, path, body=None):
        with urllib.request.urlopen(urllib.request.Request(SHOP + path, body), timeout=30) as answer:
            return json.load(answer)

    def test_everything_is_wired(self):
        engine = self.engine
        variables = {name: f"secret-of-{name.lower().replace('_', '-')}" for name in NAMES}
        secrets = [*variables.values(), TOKEN]
        engine.compose(["full/compose.yml"], "up", "-d", "--build", **variables)
        api = Api()
        until("the shop to answer", lambda: self.ask("/articles") is not None, 180)
        # What is asked from outside; the worker's tasks are counted from the moment on that the collector hears its events.
        outside = lambda: [(kind["kind"], one) for kind in api.ask("/api/v1/integrations")["kinds"] for one in kind["instances"]]
        self.assertEqual({kind for kind, _ in outside()}, {"postgres", "redis", "rabbitmq", "celery"})
        well = lambda: all(one["status"]["last_ok"] and not one["status"]["last_error"] for _, one in outside())
        until(f"every integration to answer: {outside()}", well)
        self.newest(api, "celery.workers.online", 1)
        since = now_ms()
        for _ in range(12):
            number = self.ask("/articles/lens/orders", b"")["order"]
            for _ in range(4):
                self.ask("/articles")
        until("the worker to have done the last order", lambda: self.ask(f"/orders/{number}")["is_done"])
        self.ask("/report")
        for path, status in [("/broken", 500), ("/orders/999", 404)]:
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.ask(path)
            self.assertEqual(caught.exception.code, status)

        rows = lambda: {(one["method"], one["route"]): one for one in api.ask("/api/v1/requests/endpoints?limit=50")["endpoints"]}
        def route(method, start):
            return [one for (verb, path), one in rows().items() if verb == method and path.startswith(start)]
        orders = until("the orders", lambda: [one for one in route("POST", "/articles/") if one["count"] == 12])
        self.assertEqual(orders[0]["failed"], 0, orders)
        until("the failed page", lambda: [one for one in route("GET", "/broken") if one["failed"] == 1])
        until("its exception", lambda: "ValueError" in json.dumps(api.ask("/api/v1/errors/types")))

        for metric, least in [("celery.tasks.finished", 12), ("rabbitmq.queues", 1), ("redis.keyspace.hits", 1),
                              ("postgresql.commits", 12)]:
            self.newest(api, metric, least)

        # Both applications' containers, as the kernel has them.
        for name in ["web", "worker"]:
            container = engine.inspect(f"shop_{name}_1", ".Id")
            resource = api.wait_container(container)
            kernel = Kernel(container)
            for metric, attribute in [("container.cpu.time", "user"), ("container.memory.limit", ""), ("container.pids.count", "")]:
                kernel.check(api, resource, metric, attribute, 1e-9)
            api.wait_books(resource["agent"], since)

        # No secret is in a log, on a command line, or in the collector's API.
        logs = "".join(engine.logs(one) for one in engine.docker("ps", "-aq").split())
        lines = "".join(path.read_bytes().replace(b"\0", b" ").decode(errors="replace") for path in command_lines())
        for place, text in [("log", logs), ("command line", lines), ("API", json.dumps(outside()) + json.dumps(api.resources()))]:
            for secret in secrets:
                self.assertNotIn(secret, text, f"a secret in a {place}")
        subprocess.run(["node", HERE / "photograph.mjs", api.url], check=True)

    def newest(self, api, metric, least):
        """Waits until the newest value of any series of a metric is at least so much."""
        def value():
            path = f"/api/v1/query?metric={metric}&from={now_ms() - 120_000}&to={now_ms() + 1000}&aggregate=raw"
            told = [one["points"][-1][1] for one in api.ask(path)["series"] if one["points"]]
            assert told and max(told) >= least, f"{metric}: {told}"
            return [max(told)]
        print(f"{metric}: {until(metric, value)[0]}")


def command_lines():
    return [path for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
