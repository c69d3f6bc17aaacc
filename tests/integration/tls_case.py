"""The base of the tests of TLS: a Redis, an authority, nodes with its certificates."""

import ssl
import subprocess

import setup_path  # noqa: F401
from support.case import Case
from support.certificates import Authority, TlsAddress
from support.http_client import get, request
from support.wait import until
from support.wire import Wire


class TlsCase(Case):
    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()
        cls.authority = Authority(cls.folder)
        cls.certificate = cls.authority.issue("localhost")

    @classmethod
    def secured(cls, make, context=None, certificate=None, wait=True, **settings):
        """A node that is reached by TLS. `wait`: it is ready, as its admin says."""
        certificate = certificate or cls.certificate
        node = make(cls.redis, wait=False, tls_cert=certificate.cert, tls_key=certificate.key,
                    **settings)
        node.address = TlsAddress(node.address, context or cls.authority.context())
        if wait:
            until(lambda: get(node.admin, "/readyz").status == 200, "it is ready", 15)
        return node

    def handshake(self, node, context=None):
        """An SSL socket of its own; raises ssl.SSLError, or OSError where it was just dropped. What
        a server says of a client's certificate comes after that, so one byte is asked for."""
        plain = tuple(node.address)
        wire = Wire(TlsAddress(plain, context or node.address.tls))
        self.addCleanup(wire.close)
        return wire

    def is_served(self, node, context):
        """Whether a request is answered with 200; False: the handshake was refused."""
        try:
            return request(TlsAddress(tuple(node.address), context), "/healthz").status == 200
        except (ssl.SSLError, OSError):
            return False

    def serial(self, node):
        """Of the certificate that new clients are shown."""
        shown = self.handshake(node).socket.getpeercert()
        return int(shown["serialNumber"], 16)

    def connect(self, node, *options):
        """What openssl s_client says; its exit code."""
        done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % node.port,
                               *options], input=b"", capture_output=True, timeout=30)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")
