"""The balancer, with the settings, health checks and timeouts that scripts/up gives it."""

import os
import shutil

from .certificates import TlsAddress
from .http_client import get
from .paths import source_path
from .ports import free_port
from .process import Process
from .wait import until


class Haproxy:
    """`mode` tcp: it hands on bytes, and `address` is how the nodes are reached by TLS."""

    def __init__(self, folder, nodes, name="haproxy", server_options="", mode="http", address=None):
        self.folder = str(folder)
        self.name = name
        self.port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.mode = mode
        if address is not None:
            self.address = TlsAddress(self.address, address.tls)
        self.nodes = nodes
        self.server_options = server_options
        self.process = None

    def start(self):
        config = os.path.join(self.folder, self.name + ".cfg")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"frontend clients\n    bind 127.0.0.1:{self.port}\n    mode {self.mode}\n"
                       "    default_backend gateways\n\n"
                       f"backend gateways\n    mode {self.mode}\n")
            check = "check" if self.mode == "http" else ""
            for node in self.nodes:
                file.write(f"    server {node.name} 127.0.0.1:{node.port} {check} "
                           f"{self.server_options}\n")
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        self.process = Process(self.name, [program, "-db", "-f",
                                           source_path("scripts/haproxy/common.cfg"), "-f", config],
                               self.folder)
        until(lambda: get(self.address, "/readyz").status == 200, "the balancer answers", 15)
        return self

    def stop(self):
        if self.process:
            self.process.stop()
