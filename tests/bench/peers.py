"""peers - what users would take instead, started as servers.py starts a node: for scripts/bench --peers.

Programs of Debian are unpacked into build/bench/peers and not installed; what npm has is put there as
well. What can't be had is left out, and the reason is told.
"""

import os
import shutil
import socket
import subprocess

from servers import ROOT, Failure, Server, children_of, free_port

FOLDER = ROOT / "build/bench/peers"
SOURCES = ROOT / "tests/bench/peers"
INSTALL_SECONDS = 180


class Unavailable(Exception):
    """Why a peer can't be measured here."""


def run(command, folder):
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Unavailable(f"{' '.join(command[:3])}: {said[-1] if said else 'failed'}")


def debian(*packages):
    """Unpacks them, unless that was done before; the folder that is like /."""
    root = FOLDER / "root"
    for package in packages:
        done = FOLDER / f"{package}.unpacked"
        if done.exists():
            continue
        archive = FOLDER / package
        shutil.rmtree(archive, ignore_errors=True)
        archive.mkdir(parents=True)
        run(["apt-get", "download", package], archive)
        for file in archive.glob("*.deb"):
            run(["dpkg", "-x", str(file), str(root)], archive)
        done.touch()
    return root


def npm():
    """Installs what package.json says, unless that was done before."""
    wanted = (SOURCES / "package.json").read_text(encoding="utf-8")
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = FOLDER / "package.json.installed"
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        (FOLDER / "package.json").write_text(wanted, encoding="utf-8")
        run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], FOLDER)
        done.write_text(wanted, encoding="utf-8")
    return FOLDER / "node_modules"


class Peer(Server):
    """`name` is what tables call it; `left_out` are scenarios that it has no words for."""

    name = ""
    server = ""
    path = "/"
    left_out = frozenset()

    @classmethod
    def install(cls):
        """Raises Unavailable."""

    def start_redis(self, port=0):
        path = self.folder / "redis.sock"
        self.run("redis", "redis-server", ROOT / "scripts/redis/redis.conf", "--port", port, "--dir",
                 self.folder, "--unixsocket", path, "--appendonly", "no").wait_for(path.exists)
        return path

    def speak(self, port):
        self.arguments = [f"--server={self.server}", f"ws://127.0.0.1:{port}{self.path}"]


class NodeScript(Peer):
    """A script of tests/bench/peers."""

    script = ""

    @classmethod
    def install(cls):
        if shutil.which("node") is None:
            raise Unavailable("there is no node")
        npm()

    def start(self):
        port = free_port()
        # Where it finds its packages: beside a copy of itself.
        script = FOLDER / self.script
        shutil.copyfile(SOURCES / self.script, script)
        self.run("node", "node", script, port, self.start_redis()).wait_for_text("ready")
        self.speak(port)


class WsIoredis(NodeScript):
    name = "ws + ioredis"
    server = "floor"
    script = "ws_ioredis.js"


class SocketIo(NodeScript):
    name = "Socket.IO + redis-adapter"
    server = "socketio"
    path = "/socket.io/?EIO=4&transport=websocket"
    script = "socketio.js"


class Nchan(Peer):
    """nginx with one worker, its messages in Redis."""

    name = "nchan + Redis"
    server = "nchan"
    path = "/ws"
    # A connection of it publishes to one group; joining is not answered.
    left_out = frozenset({"many", "manymax", "storm"})

    @classmethod
    def install(cls):
        root = debian("nginx", "libnginx-mod-nchan")
        run([str(root / "usr/sbin/nginx"), "-v"], FOLDER)
        try:
            # With nchan it wants this one, whatever its configuration says.
            os.makedirs("/var/lib/nginx", exist_ok=True)
        except OSError as error:
            raise Unavailable(f"nginx needs /var/lib/nginx: {error.strerror}") from error

    def start(self):
        root = FOLDER / "root"
        port = free_port()
        redis = free_port()  # it knows no Redis by a Unix socket
        self.start_redis(redis)
        config = self.folder / "nginx.conf"
        temporary = "".join(f"    {kind}_temp_path {self.folder}/{kind};\n" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        locations = "".join(
            f"        location ~ ^/ws/{place}/(\\w+)$ {{ {what}; nchan_channel_id $1; nchan_redis_pass cache; "
            "nchan_message_buffer_length 100; nchan_message_timeout 300s; "
            "nchan_subscriber_first_message newest; }\n"
            for place, what in (("sub", "nchan_subscriber websocket"),
                                ("pub", "nchan_publisher websocket"),
                                ("both", "nchan_pubsub websocket")))
        config.write_text(
            f"load_module {root}/usr/lib/nginx/modules/ngx_nchan_module.so;\n"
            f"daemon off;\nworker_processes 1;\nworker_rlimit_nofile 20000;\npid {self.folder}/nginx.pid;\n"
            f"error_log {self.folder}/error.log;\n"
            "events { worker_connections 19000; }\nhttp {\n    access_log off;\n" + temporary +
            f"    upstream cache {{ nchan_redis_server redis://127.0.0.1:{redis}; }}\n"
            f"    server {{\n        listen 127.0.0.1:{port};\n{locations}    }}\n}}\n", encoding="utf-8")
        self.run("node", root / "usr/sbin/nginx", "-p", self.folder, "-e", self.folder / "error.log",
                 "-c", config).wait_for(lambda: upgrades(port, "/ws/pub/b0"))
        self.speak(port)
        self.count_workers()

    def count_workers(self):
        """The worker does the work: its CPU counts, too."""
        self.arguments += [f"--pid={pid}:node" for pid in children_of(self.processes[-1].popen.pid)]


class Nats(Peer):
    """Without Redis: it keeps nothing."""

    name = "NATS (no Redis)"
    server = "nats"

    @classmethod
    def install(cls):
        run([str(debian("nats-server") / "usr/sbin/nats-server"), "-v"], FOLDER)

    def start(self):
        port = free_port()
        config = self.folder / "nats.conf"
        config.write_text(f'listen: "127.0.0.1:{free_port()}"\nmax_connections: 19000\n'
                          f'websocket {{ listen: "127.0.0.1:{port}"\n no_tls: true }}\n', encoding="utf-8")
        self.run("node", FOLDER / "root/usr/sbin/nats-server", "-c", config).wait_for_text(
            "Server is ready")
        self.speak(port)


def upgrades(port, path):
    """Whether a WebSocket opens there: nchan refuses them until it has its Redis."""
    head = (f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
            client.sendall(head.encode("ascii"))
            return client.recv(100).startswith(b"HTTP/1.1 101")
    except OSError:
        return False


PEERS = {peer.name: peer for peer in (Nchan, SocketIo, WsIoredis, Nats)}


def available(tell):
    """Names of those that can be measured; `tell` hears of the others."""
    found = []
    for name, peer in PEERS.items():
        try:
            peer.install()
        except (Unavailable, Failure) as why:
            tell(f"{name} is left out: {why}")
        else:
            found.append(name)
    return found
