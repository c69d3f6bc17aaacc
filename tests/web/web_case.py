"""One Redis, two nodes and a program with the client library, for each class."""

import json
import os
import shutil
import tempfile
import unittest

import setup_path  # noqa: F401
from program import Page, Program
from support.case import Case


def js(value):
    return json.dumps(value)


class WebCase(Case):
    settings = {}
    redis_options = {}
    library = None
    own_websocket = False

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis(**cls.redis_options)
        cls.a = cls.class_node(cls.redis, wait=False, name="a", **cls.settings)
        cls.b = cls.class_node(cls.redis, wait=False, name="b", **cls.settings)
        cls.program = cls.class_program()
        for node in (cls.a, cls.b):
            node.wait_until_ready()

    @classmethod
    def class_program(cls):
        folder = os.path.join(cls.folder, "program")
        os.mkdir(folder)
        return cls._keep(Program(folder, cls.library, cls.own_websocket), cls.addClassCleanup)

    def setUp(self):
        urls = {name: f"ws://127.0.0.1:{node.port}/ws" for name, node in (("a", self.a), ("b", self.b))}
        self.run_js("globalThis.urls = " + js(urls) + "; globalThis.group = " + js(self.new_group()))
        self.addCleanup(self.close_clients)

    def close_clients(self):
        if self.program.process.is_running():
            self.run_js("await Promise.all(clients.map((one) => one.close()));"
                        "clients.length = uncaught.length = 0;")

    def new_group(self):
        counter = getattr(type(self), "_groups", 0) + 1
        type(self)._groups = counter
        return f"{self.id().rpartition('.')[2][5:65]}.{counter}"

    def run_js(self, code, timeout=20):
        return self.program.run(code, timeout)

    def call(self, *words):
        return self.redis.call(*words)


class SharedPage:
    """Mixed into classes of one file: their program is the same page, for a browser starts slowly."""

    _page = None

    @classmethod
    def class_program(cls):
        if SharedPage._page is None:
            folder = tempfile.mkdtemp(prefix="chanway-page-")
            unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
            SharedPage._page = Page(folder, cls.library_in(folder))
            unittest.addModuleCleanup(SharedPage._page.stop)
        cls.processes.append(SharedPage._page)
        return SharedPage._page
