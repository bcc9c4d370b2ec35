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

from engine import COMPOSE, HERE, TARGET, TOKEN, Api, Kernel, Test, now_ms, until

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
        subprocess.run([TARGET / "apps/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", place, "pip",
                        "-r", REQUIREMENTS], check=True)
        version = subprocess.run(["python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True)
        archive.add(place, f"usr/local/lib/python{version.stdout.strip()}/dist-packages")
        link = tarfile.TarInfo("usr/bin/python")
        link.type, link.linkname = tarfile.SYMTYPE, "python3"
        archive.addfile(link)


class Full(Test):
    @classmethod
    def images(cls):
        engine = cls.engine
        engine.agent_image()
        engine.collector_image()
        engine.stand_in("python:3.13-slim", ["python3"], shop_python, REQUIREMENTS.read_text(), ["ENV PIP_BREAK_SYSTEM_PACKAGES=1"])
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
        secrets = [value for value in variables.values()] + [TOKEN]
        engine.compose(["full/compose.yml"], "up", "-d", "--build", **variables)
        api = Api()
        until("the shop to answer", lambda: self.ask("/articles") is not None, 180)
        since = now_ms()
        for round_ in range(12):
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
        orders = until("the orders", lambda: rows().get(("POST", "/articles/<str:article>/orders")) or rows().get(("POST", "/articles/{article}/orders")) or print(list(rows())))
        self.assertEqual((orders["count"], orders["failed"]), (12, 0), orders)
        kinds = {one["kind"]: one for one in api.ask("/api/v1/integrations")["integrations"]}
        print({kind: one for kind, one in kinds.items()})
