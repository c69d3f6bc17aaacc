"""Two nodes and a page of Chromium for the dashboard of the first."""

import os

import setup_path  # noqa: F401
from program import Browser
from support.case import Case
from web_case import js


class DashboardCase(Case):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()
        cls.a = cls.class_node(cls.redis, wait=False, name="a")
        cls.b = cls.class_node(cls.redis, wait=False, name="b")
        folder = os.path.join(cls.folder, "browser")
        os.mkdir(folder)
        cls.program = cls._keep(Browser(folder), cls.addClassCleanup)
        for node in (cls.a, cls.b):
            node.wait_until_ready()
        cls.url = "http://%s:%d/" % cls.a.admin
        cls.program.run(f"""globalThis.url = {js(cls.url)};
            allowed.push(url, 'ws://127.0.0.1:{cls.a.port}/', 'ws://127.0.0.1:{cls.b.port}/');""")

    def setUp(self):
        self.run_js("globalThis.page = await openPage({ reducedMotion: 'reduce' });")

    def tearDown(self):
        problems = self.run_js("await page.close(); return problems.splice(0)")
        self.assertEqual(problems, [])

    def run_js(self, code, timeout=30):
        return self.program.run(code, timeout)

    def go(self, view):
        self.run_js(f"await page.goto(url + '#/{view}'); await page.waitForSelector('#{view}:not([hidden])')")

    def wait_for_text(self, selector, text):
        self.run_js(f"await page.waitForFunction(([selector, text]) => [...document.querySelectorAll(selector)]"
                    f".some((one) => one.textContent.includes(text)), [{js(selector)}, {js(text)}],"
                    "{ timeout: 25000 })")

    def node_id(self, node):
        return node.get("/readyz").json()["node"]
