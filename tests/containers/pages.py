# Runs the commands of docs/DOCKER.md in order, as a reader would type them, in a copy of what the page names.

import os
import pathlib
import shutil

from engine import PROJECT, Api, Test, until


class Pages(Test):
    def test_every_command_of_the_page_works(self):
        clone = self.engine.work / "clone"
        shutil.copytree(PROJECT / "packaging", clone / "packaging")
        said = {}
        for block in sorted(pathlib.Path(os.environ["FAROL_BLOCKS"]).iterdir()):
            code, text = self.engine.attempt("bash", "-euc", f"cd {clone}\n{block.read_text()}")
            said[block.name] = text
            self.assertEqual(code, 0, f"docs/DOCKER.md, {block.name}:\n{block.read_text()}{text}")
        every = "\n".join(said.values())
        for word in ["FAROL_TOKEN", "beside which the agent runs", "measured or not", "the whole machine"]:
            self.assertIn(word, every)
        api = Api()
        api.wait_resource("the machine", lambda one: one["kind"] == "host")
        api.wait_container(self.engine.inspect("shop_app_1", ".Id"))
