# An application with the agent beside it: the figures against the kernel's, with every way of sharing.

import os
import signal
import urllib.request

from engine import MIB, Api, Kernel, Test, now_ms, until

APP, SIDECAR = "shop_app_1", "shop_farol_1"
FILES = ["collector.yml", "sidecar.yml"]
SPIN = "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: pass"
HOLD = "import time; held = b'x' * (40 << 20); time.sleep(600)"


def fare_badly(engine, container):
    """Spins, is killed for want of memory, then holds forty mebibytes: in the application's container."""
    assert engine.attempt("docker", "exec", container, "python3", "-c", SPIN)[0] == 0
    code, said = engine.attempt("docker", "exec", container, "python3", "-c", "b'x' * (400 << 20)")
    assert code == 137, f"a program beyond the memory limit ends with {code}: {said}"
    engine.docker("exec", "-d", container, "python3", "-c", HOLD)


class Sidecar(Test):
    def start(self):
        self.engine.compose(FILES, "up", "-d")
        return Api(), self.engine.inspect(APP, ".Id")

    def beside(self, name, *words):
        """Starts another agent beside the application, with rights of its own."""
        self.engine.docker("run", "-d", "--name", name, "--read-only", "--cap-drop=ALL", f"--network=container:{APP}",
                           f"--pid=container:{APP}", "-e", "FAROL_TOKEN", "-e", "FAROL_COLLECTOR_URL", "-e", "FAROL_HTTP_LISTEN=off",
                           "-e", "FAROL_STATSD_LISTEN=off", "-e", f"FAROL_NAME={name}", *words, "farol/agent")
        return self.engine.docker("exec", name, "/usr/bin/farol-agent", "check")

    def test_figures_are_the_kernels_however_the_agent_is_let_in(self):
        api, container = self.start()
        resource = api.wait_container(container)
        self.assertEqual((resource["kind"], resource["attributes"]["service.name"]), ("container", "shop"))
        fare_badly(self.engine, APP)
        kernel = Kernel(container)
        until("forty mebibytes to be held", lambda: kernel.figure("container.memory.usage") > 40 * MIB)
        self.assertGreater(kernel.figure("container.cpu.throttling.throttled_periods"), 0, "it was not held back")
        self.assertGreaterEqual(kernel.figure("container.memory.oom_kills"), 1, "nothing was killed")
        self.assertEqual(kernel.figure("container.memory.limit"), 128 * MIB)
        kernel.check_all(api, resource)
        self.assertEqual(api.wait_newest(resource, "container.cpu.limit"), 0.5)

        # As root without any capability but the one to look at other people's processes.
        said = self.beside("tracer", "--user", "0:0", "--cap-add", "SYS_PTRACE")
        self.assertIn("beside which the agent runs", said)
        named = lambda name: api.wait_resource(name, lambda one: one["name"] == name)
        kernel.check_all(api, named("tracer"))
        # As anybody, with the machine's groups to read.
        self.beside("bound", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:ro")
        kernel.check_all(api, named("bound"))

        # As anybody: it says what it cannot see, knows whose sidecar it is, and tells no figures of its own instead.
        said = self.beside("stranger")
        warned = [line for line in said.splitlines() if line.startswith("warn")]
        self.assertTrue(any(container in line and "user and group" in line for line in warned), said)
        self.assertIn("unknown", said)
        stranger = named("stranger")
        self.assertEqual(stranger["attributes"]["container.id"], container)
        api.wait_newest(stranger, "farol.agent.memory.usage")
        series = api.ask(f"/api/v1/series?resource={stranger['id']}")["series"]
        told = [one["metric"] for one in series if one["metric"].startswith(("container.cpu", "container.memory"))]
        self.assertEqual(told, [], "figures that cannot be the application's")

    def test_requests_are_counted_and_a_death_and_a_cut_lose_nothing(self):
        api, container = self.start()
        since = now_ms()
        resource = api.wait_container(container)
        ask = lambda: urllib.request.urlopen("http://127.0.0.1:8000/", timeout=10).status
        until("the application to answer through the agent", lambda: ask() == 200)
        seen = lambda: [one for one in api.ask("/api/v1/requests/endpoints")["endpoints"] if one["route"] == "/" and one["count"]]
        until("the requests of the service", seen)

        network = self.engine.docker("network", "ls", "-q", "-f", "name=shop_default")
        self.engine.docker("network", "disconnect", network, APP)
        until("the agent to notice", lambda: "delivery failed" in self.engine.logs(SIDECAR))
        cut = now_ms()
        # Three more readings are taken while nothing can be delivered: the loop ticks once a second.
        until("readings without a way out", lambda: now_ms() - cut > 3000)
        self.assertIsNone(api.newest(resource, "container.cpu.time", "user", cut), "it was not cut off")
        self.engine.docker("network", "connect", network, APP)
        until("what was read meanwhile", lambda: api.newest(resource, "container.cpu.time", "user", cut) is not None)
        api.wait_books(resource["agent"], since)

        # The application dies: the kernel ends the sidecar with it, and both are started again.
        pid = int(self.engine.inspect(APP, ".State.Pid"))
        os.kill(pid, signal.SIGKILL)
        started = lambda name: self.engine.inspect(name, ".RestartCount") != "0" and self.engine.inspect(name, ".State.Running") == "true"
        until("the application to be started again", lambda: started(APP))
        # Docker tries both at once. When the agent comes first there is no application to join, and Docker tries no second time;
        # what brings it back then is what docs/DOCKER.md says.
        gave_up = lambda: self.engine.inspect(SIDECAR, ".State.Error")
        until("the agent to be started again", lambda: started(SIDECAR) or gave_up())
        if not started(SIDECAR):
            print("Docker gave up:", gave_up())
            self.engine.compose(FILES, "up", "-d")
        again = now_ms()
        until("the application to answer again", lambda: ask() == 200)
        api.wait_newest(resource, "container.cpu.time", "user", again)
        kernel = Kernel(container)
        kernel.check(api, resource, "container.cpu.time", "user", 1e-9)
        api.wait_books(resource["agent"], since)
