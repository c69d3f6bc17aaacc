"""A unix socket in front of Redis', whose connections can be held, cut, or led elsewhere."""

import itertools
import os
import selectors
import socket
import threading


class Relay:
    """`hold()`: nothing passes, nothing is lost; `hold_subscriptions()`: the same for connections
    that have subscribed to something; `cut()`: all are closed, new ones refused. `restore()` ends
    each of them.

    `stall()`: the connections there are pass nothing more in one direction, new ones are whole;
    `drop()`: they are closed. Of both kinds: those that have subscribed to something, or the
    others. `lead()`: new connections go to these sockets in turn."""

    def __init__(self, folder, target, name="relay"):
        self.name = name
        self.process = None  # there is none: it runs in the test
        self.targets = itertools.cycle([target])
        self.path = os.path.join(str(folder), name + ".sock")
        self.url = "unix:" + self.path
        self.selector = selectors.DefaultSelector()
        self.wake_read, self.wake_write = socket.socketpair()
        self.lock = threading.Lock()
        self.is_held = self.holds_subscriptions = self.is_cut = self.is_stopped = False
        self.peers = {}
        self.subscribed = set()  # both ends
        self.clients = set()
        self.stalled = set()  # ends that are not read any more
        self.orders = []      # of stall() and drop(), for the thread
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(self.wake_read, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def hold(self):
        self._set(is_held=True)

    def hold_subscriptions(self):
        self._set(holds_subscriptions=True)

    def cut(self):
        self._set(is_cut=True)

    def stall(self, is_pubsub, is_to_redis):
        self.orders.append((self._stall, is_pubsub, is_to_redis))
        self._set()

    def drop(self, is_pubsub):
        self.orders.append((self._drop_kind, is_pubsub))
        self._set()

    def lead(self, *targets):
        self._set(targets=itertools.cycle(targets))

    def restore(self):
        self._set(is_held=False, holds_subscriptions=False, is_cut=False)

    def stop(self):
        if not self.is_stopped:
            self._set(is_stopped=True)
            self.thread.join(5)

    def _set(self, **states):
        with self.lock:
            for name, value in states.items():
                setattr(self, name, value)
        self.wake_write.send(b"x")

    def _run(self):
        while not self.is_stopped:
            for key, _ in self.selector.select():
                if key.fileobj is self.wake_read:
                    self.wake_read.recv(100)
                    self._apply()
                elif key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj in self.peers:
                    self._pass_on(key.fileobj)
        for peer in list(self.peers):
            peer.close()
        self.listener.close()

    def _stall(self, is_pubsub, is_to_redis):
        self.stalled |= {peer for peer in self.peers if (peer in self.subscribed) == is_pubsub
                         and (peer in self.clients) == is_to_redis}

    def _drop_kind(self, is_pubsub):
        for peer in list(self.peers):
            if (peer in self.subscribed) == is_pubsub:
                self._drop(peer)

    def _apply(self):
        while self.orders:
            order, *words = self.orders.pop(0)
            order(*words)
        if self.is_cut:
            for peer in list(self.peers):
                self._drop(peer)
        for peer in self.peers:
            is_watched = peer in self.selector.get_map()
            is_held = (self.is_held or peer in self.stalled
                       or self.holds_subscriptions and peer in self.subscribed)
            if is_held and is_watched:
                self.selector.unregister(peer)
            elif not is_held and not is_watched:
                self.selector.register(peer, selectors.EVENT_READ)

    def _accept(self):
        client, _ = self.listener.accept()
        if self.is_cut:
            client.close()
            return
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(next(self.targets))
        except OSError:
            client.close()
            server.close()
            return
        self.peers[client], self.peers[server] = server, client
        self.clients.add(client)
        if not self.is_held:
            self.selector.register(client, selectors.EVENT_READ)
            self.selector.register(server, selectors.EVENT_READ)

    def _pass_on(self, peer):
        try:
            data = peer.recv(262144)
            if data:
                if b"SUBSCRIBE\r\n" in data:
                    self.subscribed.update((peer, self.peers[peer]))
                self.peers[peer].sendall(data)
                return
        except OSError:
            pass  # as good as closed
        self._drop(peer)

    def _drop(self, peer):
        other = self.peers.pop(peer, None)
        if other is None:
            return
        del self.peers[other]
        for known in (self.subscribed, self.clients, self.stalled):
            known -= {peer, other}
        for end in (peer, other):
            if end in self.selector.get_map():
                self.selector.unregister(end)
            end.close()
