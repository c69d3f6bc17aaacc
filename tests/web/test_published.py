"""The package as npm makes and installs it, its types, the examples of its README."""

import json
import os
import re
import shutil
import subprocess
import tempfile

import setup_path  # noqa: F401
from library import build
from program import Program
from support.case import Case, main
from support.paths import source_path
from web_case import WebCase

URL = "ws://127.0.0.1:8000/ws"


class Types(Case):

    def test_a_program_with_types(self):
        """types.mts as a module and as CommonJS, with the package where npm would put it."""
        folder = self.own_folder()
        package = os.path.join(folder, "node_modules", "chanway")
        shutil.copytree(source_path("web"), package)
        shutil.copy(source_path("tests/web/types.mts"), folder)
        with open(os.path.join(folder, "required.cts"), "w", encoding="utf-8") as file:
            file.write("import chanway = require('chanway');\nconst { connect } = chanway;\n"
                       "export async function run() {\n    const client = connect('ws://a');\n"
                       "    const chat: chanway.Group = await client.join('chat');\n"
                       "    // @ts-expect-error no such option\n"
                       "    await chat.publish(1, { keys: 1 });\n}\n")
        done = subprocess.run(
            ["node", source_path("tests/node_modules/typescript/bin/tsc"), "--noEmit", "--strict",
             "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom",
             "types.mts", "required.cts", os.path.join(package, "chanway.d.ts")],
            cwd=folder, timeout=100, text=True, check=False, capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)


class Package(WebCase):

    def test_packed_installed_imported_and_required(self):
        folder = self.own_folder()
        packed = os.path.join(folder, "packed")
        shutil.copytree(source_path("web"), packed, ignore=shutil.ignore_patterns("dist", "node_modules"))
        build(os.path.join(packed, "dist"))
        application = os.path.join(folder, "application")
        os.mkdir(application)
        listed = self.npm(packed, "pack", "--json", "--ignore-scripts", "--pack-destination",
                          application)
        contents = json.loads(listed)[0]
        self.assertEqual(sorted(file["path"] for file in contents["files"]), [
            "LICENSE", "README.md", "chanway.d.cts", "chanway.d.ts", "chanway.js",
            "dist/chanway.cjs", "dist/chanway.min.js", "dist/chanway.min.mjs", "lib/base.js",
            "lib/group.js", "lib/ops.js", "lib/payload.js", "package.json"])
        with open(os.path.join(packed, "package.json"), encoding="utf-8") as file:
            package = json.load(file)
        self.assertFalse({"preinstall", "install", "postinstall", "prepare"} & set(package["scripts"]))
        self.assertNotIn("dependencies", package)
        self.npm(application, "init", "-y")
        self.npm(application, "install", "--offline", "--no-audit", "--no-fund",
                 contents["filename"])
        urls = self.run_js("return urls")
        talk = """const client = connect('%s', { WebSocket: require('%s') });
            client.join('packed').then((chat) => {
                chat.on('message', (m) => { console.log(m.data); client.close(); });
                return chat.publish('said');
            });""" % (urls["a"], source_path("tests/node_modules/ws"))
        ways = {
            "a.cjs": "const { connect } = require('chanway');" + talk,
            "b.mjs": "import { createRequire } from 'node:module'; import { connect } from 'chanway';"
                     "const require = createRequire(import.meta.url);" + talk,
            "c.mjs": "import { createRequire } from 'node:module'; import { connect } from 'chanway/min';"
                     "const require = createRequire(import.meta.url);" + talk}
        for name, code in ways.items():
            path = os.path.join(application, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(code)
            done = subprocess.run(["node", path], timeout=30, text=True, check=False,
                                  capture_output=True)
            self.assertEqual((done.returncode, done.stdout), (0, "said\n"), done.stderr)

    def npm(self, folder, *words):
        home = tempfile.mkdtemp(dir=self.folder)
        done = subprocess.run(
            ["npm", *words], cwd=folder, timeout=100, text=True, check=False, capture_output=True,
            env={**os.environ, "npm_config_cache": home, "npm_config_update_notifier": "false"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_examples_of_the_readme(self):
        with open(source_path("web/README.md"), encoding="utf-8") as file:
            examples = re.findall(r"^```js\n(.*?)^```$", file.read(), re.DOTALL | re.MULTILINE)
        self.assertGreaterEqual(len(examples), 8)
        self.run_js("""globalThis.fetch = async () => ({ text: async () => 'a token' });
            globalThis.said = []; console.log = (...words) => said.push(words.map(String));
            globalThis.other = open(urls.b);
            for (const group of ['chat', 'room']) await other.publish(group, 'earlier');""")
        for example in examples:
            code = example.replace("import { connect } from 'chanway';", "").replace(
                "import WebSocket from 'ws';", "const WebSocket = require('ws');")
            self.assertIn(URL, code)
            self.assertNotIn("import ", code)
            self.run_js("said.length = 0;" + code.replace(URL, self.run_js("return urls.a")) +
                        "clients.push(client); await until(() => said.length, 'it says something');")


class OwnWebSocket(Case):

    def test_nodes_own_websocket(self):
        node = shutil.which("node")
        flag = "--experimental-websocket"
        done = subprocess.run([node, flag, "-p", "typeof WebSocket"], text=True, timeout=20,
                              check=False, capture_output=True)
        if done.stdout.strip() != "function":
            self.skipTest("this Node has no WebSocket of its own")
        redis = self.own_redis()
        one = self.own_node(redis)
        program = self._keep(Program(self.own_folder(), own_websocket=True), self.addCleanup)
        told = program.run("""
            globalThis.one = open('ws://127.0.0.1:%d/ws', { backoffMin: 50 });
            await one.join('g');
            await one.publish('g', new Uint8Array([1, 2]));
            await until(() => one.seen.message.length);
            return [...one.seen.message[0].bytes];""" % one.port)
        self.assertEqual(told, [1, 2])
        one.kill()
        program.wait_for("one.seen.reconnecting.length > 1")
        one.start()
        told = program.run("""await one.publish('g', 3);
            await until(() => one.seen.message.length === 2);
            await one.close();
            return one.seen;""")
        self.assertEqual([message["payload"] for message in told["message"][1:]], [3])
        self.assertEqual(told["close"], [{"code": 1000, "reason": ""}])


if __name__ == "__main__":
    main(limit=140)
