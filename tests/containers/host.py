# One agent for the machine: it sees every container, with its limits; its figures are the kernel's.

from engine import MIB, Api, Kernel, Test


class Host(Test):
    def test_every_container_is_seen_with_its_limit(self):
        engine = self.engine
        engine.compose(["collector.yml"], "up", "-d")
        sleep = ["python:3.13-slim", "sleep", "infinity"]
        engine.docker("run", "-d", "--name", "first", "--memory=48m", "--cpus=0.25", *sleep)
        engine.docker("run", "-d", "--name", "second", "--memory=96m", *sleep)
        engine.compose(["host.yml"], "up", "-d", FAROL_COLLECTOR_URL="http://127.0.0.1:8650")
        api = Api()
        host = api.wait_resource("the machine", lambda one: one["kind"] == "host")
        for name, limit in [("first", 48), ("second", 96)]:
            container = engine.inspect(name, ".Id")
            inside = lambda one: one["attributes"].get("container.id") == container and one["parent"] == host["id"]
            resource = api.wait_resource(name, inside)
            self.assertEqual(resource["name"], container[:12])
            kernel = Kernel(container)
            kernel.check(api, resource, "container.memory.usage", "", MIB)
            kernel.check(api, resource, "container.cpu.time", "user", 1e-9)
            self.assertEqual(api.wait_newest(resource, "container.memory.limit"), limit * MIB)
        for metric in ["system.memory.usage", "system.filesystem.usage", "system.network.io"]:
            api.wait_newest(host, metric)
        said = engine.docker("exec", "shop_farol-host_1", "/usr/bin/farol-agent", "check")
        self.assertNotIn("FAIL", said)
