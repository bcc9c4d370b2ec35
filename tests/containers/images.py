# The images: small, without rights, read-only, and with a health check that is about the program itself.

import json
import os
import signal

from engine import CERTIFICATES, TOKEN, Api, Test, until

BOUNDS = {"farol/agent": 10_000_000, "farol/collector": 30_000_000}
COLLECTOR = ["-p", "8650:8650", "-e", f"FAROL_AGENT_TOKEN={TOKEN}", "-e", "FAROL_ADMIN_PASSWORD"]


class Images(Test):
    @classmethod
    def images(cls):
        cls.engine.agent_image()
        cls.engine.collector_image()

    def test_they_are_small_and_say_what_they_are(self):
        for name, bound in BOUNDS.items():
            size = int(self.engine.docker("image", "inspect", "-f", "{{.Size}}", name))
            print(f"{name}: {size / 1e6:.2f} MB")
            self.assertLess(size, bound, f"bytes of {name}")
            config = json.loads(self.engine.docker("image", "inspect", name))[0]["Config"]
            self.assertEqual(config["User"], "65532:65532")
            program = f"/usr/bin/{name.replace('/', '-')}"
            self.assertEqual((config["Entrypoint"], config["Healthcheck"]["Test"]), ([program], ["CMD", program, "health"]))
            for label in ["title", "description", "source", "licenses"]:
                self.assertTrue(config["Labels"].get(f"org.opencontainers.image.{label}"), label)
            self.engine.docker("create", "--name", "looked-into", name)
            self.engine.docker("cp", f"looked-into:/{CERTIFICATES}", str(self.engine.work / "certificates"))
            self.assertEqual((self.engine.work / "certificates").read_bytes(), open(f"/{CERTIFICATES}", "rb").read())
            self.engine.docker("rm", "looked-into")

    def test_health_is_about_the_program_and_not_about_the_other_end(self):
        quick = ["--health-interval=1s", "--health-retries=2", "--health-start-period=0s", "--read-only", "--cap-drop=ALL",
                 "--security-opt=no-new-privileges", "--memory=256m"]
        self.engine.docker("network", "create", "shop")
        self.engine.docker("run", "-d", "--name", "collector", "--network=shop", *quick, *COLLECTOR, "farol/collector")
        self.engine.docker("run", "-d", "--name", "agent", "--network=shop", *quick, "-e", "FAROL_TOKEN", "-e", "FAROL_COLLECTOR_URL",
                           "farol/agent")
        for name in ["collector", "agent"]:
            self.engine.wait_inspect(name, ".State.Health.Status", "healthy")
        api = Api()
        api.wait_container(self.engine.inspect("agent", ".Id"))

        self.engine.docker("stop", "collector")
        until("the agent to miss the collector", lambda: "delivery failed" in self.engine.logs("agent"))
        checks = lambda: json.loads(self.engine.inspect("agent", "json .State.Health.Log"))
        last = checks()[-1]["End"]
        later = lambda: [one for one in checks() if one["Start"] > last]
        until("three more looks at the agent's health", lambda: len(later()) >= 3)
        self.assertEqual({one["ExitCode"] for one in later()}, {0}, f"an agent without its collector is well: {later()}")
        self.engine.docker("start", "collector")

        for name in ["collector", "agent"]:
            self.engine.wait_inspect(name, ".State.Health.Status", "healthy")
            pid = int(self.engine.inspect(name, ".State.Pid"))
            os.kill(pid, signal.SIGSTOP)
            self.engine.wait_inspect(name, ".State.Health.Status", "unhealthy")
            os.kill(pid, signal.SIGCONT)
            self.engine.wait_inspect(name, ".State.Health.Status", "healthy")
