# A Docker engine of a test's own with the images that tests run, the collector's API, and the kernel's files of a container.
"""Run inside the engine's network: `python3 tests/containers/engine.py FILE...` runs the tests of these files so."""

import atexit
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
COMPOSE = PROJECT / "packaging/compose"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or PROJECT / "target")
STATIC = TARGET / "x86_64-unknown-linux-gnu"
AGENT = pathlib.Path(os.environ.get("FAROL_AGENT_BIN") or STATIC / "agent/farol-agent")
COLLECTOR = pathlib.Path(os.environ.get("FAROL_COLLECTOR_BIN") or STATIC / "release/farol-collector")
TOKEN = "farol-test-agent-token-0123456789abcdef"
PASSWORD = "a-lighthouse-for-tests"
# A guest without acceleration takes its time.
PATIENCE_S = int(os.environ.get("FAROL_PATIENCE_S") or 90)
MIB = 1 << 20
PYTHON = ("python:3.13-slim", ["python3"])
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


def until(what, ask, patience=PATIENCE_S):
    """Asks until the answer is neither empty nor an error; fails with what was last seen."""
    start, seen = time.monotonic(), None
    while True:
        try:
            seen = ask()
            if seen:
                return seen
        except (AssertionError, OSError, KeyError, IndexError, ValueError) as error:
            seen = repr(error)
        if time.monotonic() - start > patience:
            raise AssertionError(f"waited {patience} s for {what}; last seen: {seen}")
        time.sleep(0.1)


def now_ms():
    return int(time.time() * 1000)


def stand_in_archive(name, packages, add=None, recipe=""):
    """The root file system for an image in the place of a registry's, made once; `add` puts more into its archive, and is
    described by `recipe`, so that it is made anew when that changes."""
    recipe = f"{packages} {recipe} {(HERE / 'root').read_text()}"
    kept = TARGET / "guest" / f"image-{re.sub('[^a-z0-9.]+', '-', name)}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}.tar"
    if not kept.exists():
        part = kept.with_suffix(f".{os.getpid()}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([HERE / "root", part, *packages], check=True)
        with tarfile.open(part, "a") as archive:
            if add:
                add(archive)
        part.rename(kept)
    return kept


class Engine:
    """The engine in FAROL_ENGINE, in whose network this process runs; commands have the compose files' variables."""

    def __init__(self):
        self.dir = pathlib.Path(os.environ["FAROL_ENGINE"])
        self.work = self.dir / "work"
        self.vars = {
            "PATH": f"{self.work}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.work),
            "DOCKER_HOST": f"unix://{self.dir}/docker.sock",
            "COMPOSE_PROJECT_NAME": "shop",
            "FAROL_COLLECTOR_URL": "http://collector:8650",
            "FAROL_TOKEN": TOKEN,
            "FAROL_ADMIN_PASSWORD": PASSWORD,
        }
        (self.work / "bin").mkdir(parents=True, exist_ok=True)
        # People type `docker compose`; Debian 12 has the older program of another name.
        shim = self.work / "bin/docker"
        shim.write_text('#!/bin/sh\n[ "$1" != compose ] || { shift; exec docker-compose "$@"; }\nexec /usr/bin/docker "$@"\n')
        shim.chmod(0o755)

    def attempt(self, *words, **variables):
        """Runs a command to its end, whatever that is: exit code, and what it printed."""
        done = subprocess.run(words, env=self.vars | variables, cwd=self.work, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout.strip()

    def docker(self, *words, **variables):
        code, text = self.attempt("docker", *words, **variables)
        assert code == 0, f"docker {' '.join(words)}: {text}"
        return text

    def compose(self, files, *words, **variables):
        named = [word for file in files for word in ("-f", str(COMPOSE / file))]
        code, text = self.attempt("docker-compose", *named, *words, **variables)
        assert code == 0, f"docker-compose {files} {words}: {text}"
        return text

    def inspect(self, container, form):
        return self.docker("inspect", "-f", "{{" + form + "}}", container)

    def logs(self, container):
        return self.attempt("docker", "logs", container)[1]

    def wait_inspect(self, container, form, wanted):
        seen = lambda: self.inspect(container, form)
        until(f"{form} of {container} to be {wanted}, not {seen()}", lambda: seen() == wanted)

    def stand_in(self, name, packages, add=None, recipe="", changes=()):
        """An image under the name of a registry's, of packages that this machine has installed."""
        changes = ["ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", *changes]
        archive = stand_in_archive(name, packages, add, recipe)
        self.docker("import", *[word for change in changes for word in ("-c", change)], str(archive), name)

    def python(self):
        self.stand_in(*PYTHON)

    def own_image(self, name, program):
        """Builds an image that ships. No registry can be reached, so everything before its last stage, which compiles, is
        replaced by an image with what that would have left: the static program that `tests/run build` made."""
        text = (PROJECT / f"packaging/docker/{name}.Dockerfile").read_text()
        last = text[text.index("FROM scratch\n"):]
        with tempfile.TemporaryDirectory() as context:
            left = pathlib.Path(context) / "left"
            put = lambda source, to: (left / to).parent.mkdir(parents=True, exist_ok=True) or shutil.copy2(source, left / to)
            put(program, f"built/usr/bin/farol-{name}")
            put(f"/{CERTIFICATES}", f"built/{CERTIFICATES}")
            # A debug build given for a trial is not static: its libraries go with it. What ships has none.
            for library in re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", program], capture_output=True, text=True).stdout):
                put(library, f"built{library}")
            folder = left / ("built/var/lib/farol-agent" if name == "agent" else "folder")
            folder.mkdir(parents=True)
            folder.chmod(0o1777 if name == "agent" else 0o700)
            subprocess.run(["tar", "-C", left, "--owner=0", "--group=0", "-cf", f"{context}/left.tar", "."], check=True)
            self.docker("import", f"{context}/left.tar", "farol-built")
            shutil.rmtree(left)
            os.remove(f"{context}/left.tar")
            (pathlib.Path(context) / "Dockerfile").write_text(f"FROM farol-built AS build\n{last}")
            self.docker("build", "-t", f"farol/{name}", context)

    def agent_image(self):
        self.own_image("agent", AGENT)

    def collector_image(self):
        self.own_image("collector", COLLECTOR)


class Api:
    """The collector's API, signed in as the administrator."""

    def __init__(self, url="http://127.0.0.1:8650"):
        self.url, self.token = url, None
        body = json.dumps({"username": "admin", "password": PASSWORD}).encode()
        self.token = until("the administrator to be let in", lambda: self.ask("/api/auth/login", body)["token"])

    def ask(self, path, body=None):
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def resources(self):
        return self.ask("/api/v1/resources")["resources"]

    def wait_resource(self, what, holds):
        def find():
            every = self.resources()
            found = [one for one in every if holds(one)]
            assert found, f"{what} is not among {[(one['name'], one['kind'], one['attributes']) for one in every]}"
            return found[0]
        return until(what, find)

    def wait_container(self, container_id):
        """The resource of an agent in or beside a container."""
        own = lambda one: one["attributes"].get("container.id") == container_id and one["parent"] is None
        return self.wait_resource(f"container {container_id}", own)

    def newest(self, resource, metric, attribute="", since=0):
        """The newest raw value of a series since a time; nothing when none has come."""
        words = dict(metric=metric, resource=resource["id"], to=now_ms() + 1000, aggregate="raw")
        words["from"] = since or now_ms() - 60_000
        found = self.ask("/api/v1/query?" + urllib.parse.urlencode(words))["series"]
        fit = [one for one in found if not attribute or attribute in one["attributes"].values()]
        return fit[0]["points"][-1][1] if fit and fit[0]["points"] else None

    def wait_newest(self, resource, metric, attribute="", since=0):
        found = []
        until(f"{metric} {attribute} of {resource['name']}",
              lambda: found.append(self.newest(resource, metric, attribute, since)) or found[-1] is not None)
        return found[-1]

    def wait_books(self, agent, since):
        """Waits until everything that an agent took since a time is stored; fails when something was lost."""
        def full():
            every = self.ask(f"/api/v1/completeness?from={since}&to={now_ms() + 1000}")["agents"]
            row = next(row for row in every if row["agent"] == agent)
            if sum(lost["samples"] for lost in row["lost"]):
                raise RuntimeError(f"samples were lost: {row}")
            assert row["stored"] and row["stored"] == row["expected"], row
            return row
        return until("every sample to be stored", full)


# Where a figure stands: metric, attribute, then for version 1 and version 2 file, key of the line, and what it is divided by.
FIGURES = [
    ("container.cpu.time", "user", ("cpuacct.usage_user", "", 1e9), ("cpu.stat", "user_usec", 1e6)),
    ("container.cpu.time", "system", ("cpuacct.usage_sys", "", 1e9), ("cpu.stat", "system_usec", 1e6)),
    ("container.cpu.throttling.periods", "", ("cpu.stat", "nr_periods", 1), ("cpu.stat", "nr_periods", 1)),
    ("container.cpu.throttling.throttled_periods", "", ("cpu.stat", "nr_throttled", 1), ("cpu.stat", "nr_throttled", 1)),
    ("container.cpu.throttling.throttled_time", "", ("cpu.stat", "throttled_time", 1e9), ("cpu.stat", "throttled_usec", 1e6)),
    ("container.memory.usage", "", ("memory.usage_in_bytes", "", 1), ("memory.current", "", 1)),
    ("container.memory.limit", "", ("memory.limit_in_bytes", "", 1), ("memory.max", "", 1)),
    ("container.memory.oom_kills", "", ("memory.oom_control", "oom_kill", 1), ("memory.events", "oom_kill", 1)),
    ("container.pids.count", "", ("pids.current", "", 1), ("pids.current", "", 1)),
]


class Kernel:
    """The kernel's files of one container."""

    def __init__(self, container_id):
        words = ["find", "/sys/fs/cgroup", "-maxdepth", "8", "-type", "d", "(", "-name", container_id, "-o", "-name", f"docker-{container_id}.scope", ")"]
        dirs = [pathlib.Path(line) for line in subprocess.run(words, capture_output=True, text=True).stdout.splitlines()]
        assert dirs, f"the machine has no group of container {container_id}"
        self.is_v1 = any((path / "cpuacct.usage").exists() for path in dirs)
        # Beside version 1 the tree of version 2 has files of the same names without the controllers' lines.
        self.dirs = [path for path in dirs if not (self.is_v1 and (path / "cgroup.controllers").exists())]

    def figure(self, metric, attribute=""):
        v1, v2 = next(row[2:] for row in FIGURES if row[:2] == (metric, attribute))
        file, key, divisor = v1 if self.is_v1 else v2
        path = next(path / file for path in self.dirs if (path / file).exists())
        words = [line.split() for line in path.read_text().splitlines()]
        found = words[0][0] if not key else next(line[1] for line in words if line[0] == key)
        return int(found) / divisor

    def check(self, api, resource, metric, attribute="", slack=0.0):
        """What the collector tells is what the kernel had between two looks at its file."""
        before, since = self.figure(metric, attribute), now_ms()
        figure = api.wait_newest(resource, metric, attribute, since)
        after = self.figure(metric, attribute)
        # The API gives nine significant digits, so a figure may be off by half a unit of the ninth.
        slack += abs(figure) * 5e-9
        told = f"{metric} {attribute}: {figure}, the kernel {before} to {after}"
        assert min(before, after) - slack <= figure <= max(before, after) + slack, told
        print(told)

    def check_all(self, api, resource):
        for metric, attribute, *_ in FIGURES:
            # Nanoseconds divided into seconds may differ in the last bit; memory is read in a moment of its own.
            slack = MIB if metric == "container.memory.usage" else 1e-9 if metric.endswith("time") else 0.0
            self.check(api, resource, metric, attribute, slack)


class Test(unittest.TestCase):
    """A test that shows the containers and their logs when it fails, and leaves none behind."""

    engine = None

    @classmethod
    def setUpClass(cls):
        cls.engine = Engine()
        cls.images()

    @classmethod
    def images(cls):
        cls.engine.agent_image()
        cls.engine.collector_image()
        cls.engine.python()

    def setUp(self):
        result = self._outcome.result
        self.faults_before = len(result.failures) + len(result.errors)

    def tearDown(self):
        result = self._outcome.result
        if len(result.failures) + len(result.errors) > self.faults_before:
            print(self.engine.docker("ps", "-a"))
            for one in self.engine.docker("ps", "-aq").split():
                print(f"--- log of {one}\n" + "\n".join(self.engine.logs(one).splitlines()[-25:]))
        for kind, words in [("container", ["rm", "-f", "-v"]), ("volume", ["rm"]), ("network", ["rm"])]:
            wanted = ["ps", "-aq"] if kind == "container" else [kind, "ls", "-q", *(["-f", "type=custom"] if kind == "network" else [])]
            found = self.engine.docker(*wanted).split()
            if found:
                self.engine.docker(kind, *words, *found)


RUN = "import sys, unittest; sys.path.insert(0, sys.argv.pop(1)); unittest.main(module=None, argv=['tests', *sys.argv[1:]], verbosity=2)"


def main():
    """Starts an engine, runs the tests of files in its network, and ends it. FAROL_ENGINE is an engine that is there."""
    for program in [AGENT, COLLECTOR]:
        assert program.is_file(), f"{program} is not there: build it first (tests/run build)"
    words = [sys.executable, "-u", "-B", "-c", RUN, str(HERE), *sys.argv[1:]]
    if os.environ.get("FAROL_ENGINE"):
        sys.exit(subprocess.run(words).returncode)
    base = TARGET / "containers"
    base.mkdir(parents=True, exist_ok=True)
    place = pathlib.Path(tempfile.mkdtemp(prefix="e", dir=base))
    # Whoever ends this ends the engine too.
    for number in [signal.SIGTERM, signal.SIGINT]:
        signal.signal(number, lambda *_: sys.exit(1))
    atexit.register(lambda: subprocess.run([HERE / "engine", "down", place], check=True))
    subprocess.run([HERE / "engine", "up", place], check=True)
    sys.exit(subprocess.run(["nsenter", f"--net={place}/net", *words], env=os.environ | {"FAROL_ENGINE": str(place)}).returncode)


if __name__ == "__main__":
    main()
