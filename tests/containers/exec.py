# `farol-agent exec` inside the application's own image: figures of its own container, and the application's end is its own.

import urllib.request

from engine import MIB, Api, Kernel, Test, until
from sidecar import fare_badly

APP = "shop_app_1"


class Exec(Test):
    def test_it_measures_the_container_that_it_is_in(self):
        self.engine.compose(["collector.yml", "exec.yml"], "up", "-d", "--build")
        api, container = Api(), self.engine.inspect(APP, ".Id")
        resource = api.wait_container(container)
        self.assertEqual(resource["attributes"]["service.name"], "shop")
        ask = lambda: urllib.request.urlopen("http://127.0.0.1:8000/", timeout=10).status
        until("the application to answer through the agent", lambda: ask() == 200)
        seen = lambda: [one for one in api.ask("/api/v1/requests/endpoints")["endpoints"] if one["route"] == "/" and one["count"]]
        until("the requests of the service", seen)
        fare_badly(self.engine, APP)
        kernel = Kernel(container)
        until("forty mebibytes to be held", lambda: kernel.figure("container.memory.usage") > 40 * MIB)
        self.assertGreaterEqual(kernel.figure("container.memory.oom_kills"), 1, "nothing was killed")
        kernel.check_all(api, resource)
        self.assertEqual(api.wait_newest(resource, "container.cpu.limit"), 0.5)

    def test_the_applications_status_is_the_containers(self):
        self.engine.compose(["exec.yml"], "build")
        code, said = self.engine.attempt("docker", "run", "--rm", "shop-with-farol", "python3", "-c", "raise SystemExit(7)")
        self.assertEqual(code, 7, said)
        # Without an address to deliver to the application runs all the same, and the fault is told.
        self.assertIn("FAROL_COLLECTOR_URL", said)
