"""web/chanway.js when connections, nodes and sessions are lost: nothing missed, nothing twice."""

import signal

import setup_path  # noqa: F401
from support.case import main
from support.checker import Ledger, Report, check
from support.publisher import Publisher
from support.tcp_proxy import TcpProxy
from support.wait import until
from web_case import WebCase, js

FRAMES_IN = "chanway_client_messages_in_total"
LISTEN = """
    globalThis.names = []; globalThis.damaged = []; globalThis.positions = [];
    globalThis.listen = (chat) => chat.on('message', (message) => {
        const name = nameOf(message);
        names.push(name);
        if (name === null) damaged.push(message);
        positions.push(`${message.epoch}-${message.offset}`);
    });
"""


class ReconnectCase(WebCase):
    settings = {"history-size": 20000, "history-bytes": "64MiB"}

    def own_proxy(self, node):
        proxy = TcpProxy(node.address)
        self.addCleanup(proxy.stop)
        return proxy

    def url(self, target):
        return f"ws://127.0.0.1:{target.port}/ws"

    def load(self, group, node, rate=300):
        """A publisher until it is stopped."""
        ledger = Ledger()
        publisher = Publisher("p", [node], group, ledger, rate=rate)
        self.addCleanup(publisher.stop.set)
        publisher.start()
        return ledger, publisher

    def end_load(self, publisher):
        publisher.stop.set()
        publisher.join(30)
        self.assertFalse(publisher.is_alive())
        if publisher.error:
            raise publisher.error

    def assertHeardAll(self, ledger):
        """Every acknowledged message, once, in order, whole; as listen() has seen them."""
        until(lambda: self.program.get("names.length") >= ledger.count(), "all are there", 20)
        told = self.run_js("return { names, positions, damaged, gaps: clients[0].seen.gap }")
        report = Report({**told, "name": "client", "ended": True})
        self.assertEqual(check(ledger, [report]), [])
        self.assertEqual(set(ledger.acknowledged), set(told["names"]))


class Killed(ReconnectCase):

    def history(self, key):
        """All of it: id, type, from, payload."""
        rows, since = [], "0-0"
        while True:
            page = self.call("FCALL_RO", "cw_history", 1, key, "SINCE", since, "COUNT", 1000)
            if not page:
                return rows
            rows += [page[i:i + 4] for i in range(0, len(page), 4)]
            since = rows[-1][0]

    def test_kill_9_of_its_node_under_load(self):
        group, node = self.run_js("return group"), self.own_node(self.redis, name="killed")
        self.run_js(LISTEN + f"""
            globalThis.one = open([{js(self.url(node))}, urls.b], {{ backoffMin: 100 }});
            globalThis.chat = await one.join(group, {{ since: {{ epoch: '0', offset: 0 }} }});
            listen(chat);
            globalThis.uuid = one.channel;""")
        ledger, publisher = self.load(group, self.b)
        # Its own publishes go on all the time, each with a key.
        self.run_js("""globalThis.stop = false; globalThis.oks = [];
            globalThis.publishing = (async () => {
                for (let n = 0; !stop; n += 1) {
                    oks.push([n, await one.publish(`${group}.own`, n)]);
                    await new Promise((resolve) => { setTimeout(resolve, 3); });
                }
            })();""")
        self.program.wait_for("names.length > 100 && oks.length > 30")
        node.kill()
        self.program.wait_for("one.seen.open.length === 2")
        count = ledger.count()
        until(lambda: ledger.count() > count + 200, "more is published")
        self.program.wait_for(f"oks.length > {self.program.get('oks.length') + 50}")
        self.run_js("stop = true; await publishing")
        self.end_load(publisher)
        self.assertHeardAll(ledger)
        told = self.run_js("""return { opens: one.seen.open, uuid, now: one.channel, oks,
            again: one.seen.reconnecting }""")
        self.assertIs(told["opens"][1]["resumed"], True)
        self.assertEqual(told["now"], told["uuid"])
        self.assertEqual([event["code"] for event in told["again"]], [1006])
        # What was published by it is there once each, in order, as it was told.
        rows = self.history(f"cw:{{g:{group}.own}}")
        self.assertEqual([int(row[3]) for row in rows], list(range(len(told["oks"]))))
        self.assertEqual([row[0].decode() for row in rows],
                         [f"{ok['epoch']}-{ok['offset']}" for _, ok in told["oks"]])


class Stopped(ReconnectCase):

    def test_a_silent_node_is_given_up(self):
        group, node = self.run_js("return group"), self.own_node(self.redis, name="stopped")
        self.run_js(LISTEN + f"""
            globalThis.one = open([{js(self.url(node))}, urls.b],
                {{ pingInterval: 300, pingTimeout: 4000, backoffMin: 100 }});
            listen(await one.join(group));""")
        # A connection that is only silent, because nothing is said, is kept.
        self.run_js("await new Promise((resolve) => { setTimeout(resolve, 1500); })")
        self.assertEqual(self.program.get("one.order"), ["open"])
        ledger, publisher = self.load(group, self.b)
        self.program.wait_for("names.length > 50")
        node.process.signal(signal.SIGSTOP)
        try:
            self.program.wait_for("one.seen.open.length === 2", 30)
            count = ledger.count()
            until(lambda: ledger.count() > count + 50, "more is published")
            self.end_load(publisher)
            self.assertHeardAll(ledger)
        finally:
            node.process.signal(signal.SIGCONT)
        told = self.run_js("return one.seen")
        self.assertEqual([(event["code"], event["reason"]) for event in told["reconnecting"]],
                         [(4000, "the node is silent")])
        self.assertIs(told["open"][1]["resumed"], True)


class Cut(ReconnectCase):

    def setUp(self):
        super().setUp()
        self.proxy = self.own_proxy(self.a)
        self.group = self.run_js("return group")
        self.run_js("urls.proxy = " + js(self.url(self.proxy)))

    def connect(self, options="{ backoffMin: 100 }"):
        return self.run_js(LISTEN + f"""globalThis.one = open(urls.proxy, {options});
            globalThis.two = open(urls.b); await two.ready(); await one.ready();
            return one.channel""")

    def cut(self, meanwhile=None):
        """The link is cut; `meanwhile` is done before the client is back."""
        opens, losses = self.program.get("[one.seen.open.length, one.seen.reconnecting.length]")
        if meanwhile:
            self.proxy.stall()
        self.proxy.reset()
        self.program.wait_for(f"one.seen.reconnecting.length > {losses}")
        if meanwhile:
            meanwhile()
            self.proxy.restore()
        self.program.wait_for(f"one.seen.open.length > {opens}", 30)
        return self.program.get("one.seen.open[one.seen.open.length - 1].resumed")

    def wait_until_lost(self, channel):
        key = f"cw:{{c:{channel}}}"
        until(lambda: not self.call("HGET", key, "node"), "its node has let it go")

    def test_link_cut_again_and_again_under_load(self):
        self.connect("{ backoffMin: 20, backoffMax: 50 }")
        self.run_js("listen(await one.join(group))")
        ledger, publisher = self.load(self.group, self.b)
        for _ in range(5):
            count = self.program.get("names.length")
            self.program.wait_for(f"names.length > {count + 30}")
            self.assertIs(self.cut(), True)
        self.end_load(publisher)
        self.assertHeardAll(ledger)

    def test_a_retry_after_a_cut_is_done_once(self):
        self.connect()
        self.run_js("await one.join(group); await two.join(group);")
        before = self.a.metric(FRAMES_IN)
        self.redis.freeze()
        try:
            self.run_js("""globalThis.done = [one.publish(group, 1), one.send(two.channel, 2),
                one.publish(group, 3)]; globalThis.fails = refused(one.message(4));""")
            until(lambda: self.a.metric(FRAMES_IN) >= before + 4, "the node has them")
            self.proxy.reset()
            self.program.wait_for("one.seen.reconnecting.length")
        finally:
            self.redis.thaw()
        told = self.run_js("""const oks = await Promise.all(done);
            await until(() => two.seen.message.length >= 3 && one.seen.message.length >= 2);
            await one.publish(group, 'end');
            await until(() => two.seen.message.length >= 4);
            return { oks, fails: await fails, one: one.seen.message.map((m) => m.data),
                two: two.seen.message.filter((m) => m.group).map((m) => m.data),
                direct: two.seen.message.filter((m) => !m.group).map((m) => m.data) }""", 40)
        self.assertEqual(told["two"], [1, 3, "end"])
        self.assertEqual(told["direct"], [2])
        self.assertEqual(told["fails"]["code"], "connection_lost")
        self.assertEqual([bool(ok.get("duplicate")) for ok in told["oks"]], [True] * 3)

    def test_direct_messages_are_kept(self):
        channel = self.connect()
        self.run_js("await two.send(one.channel, 'before'); await until(() => names.length || "
                    "one.seen.message.length === 1)")

        def send():
            self.wait_until_lost(channel)
            answer = self.run_js("return [await two.send(one.channel, 1), await two.send(one.channel, 2)]")
            self.assertEqual([ok["status"] for ok in answer], ["queued"] * 2)
        self.assertIs(self.cut(send), True)
        self.run_js("await two.send(one.channel, 3); await until(() => one.seen.message.length >= 4)")
        self.assertEqual(self.program.get("one.seen.message.map((m) => m.data)"), ["before", 1, 2, 3])

    def test_a_session_that_is_gone(self):
        """A new channel: its groups are joined where they were."""
        channel = self.connect()
        self.run_js("""listen(await one.join(group)); await one.join(`${group}.left`);
            await one.leave(`${group}.left`); await two.publish(group, 'seen');
            await until(() => names.length === 1);""")

        def forget():
            self.wait_until_lost(channel)
            self.run_js("for (const n of [1, 2, 3]) await two.publish(group, n);")
            self.assertEqual(self.call("DEL", f"cw:{{c:{channel}}}"), 1)
        self.assertIs(self.cut(forget), False)
        told = self.run_js("""await two.publish(group, 4);
            await until(() => one.seen.message.length === 5);
            const members = []; for await (const m of one.members(group)) members.push(m.channel);
            return { seen: one.seen, channel: one.channel, members, in: one.group(group).joined }""")
        self.assertEqual([m["data"] for m in told["seen"]["message"]], ["seen", 1, 2, 3, 4])
        self.assertNotEqual(told["channel"], channel)
        self.assertEqual(told["members"], [told["channel"]])
        self.assertEqual((told["seen"]["gap"], told["seen"]["left"], told["in"]), ([], [], True))
        self.assertEqual([(event["group"], event["recovered"]) for event in told["seen"]["joined"]],
                         [(self.group, True)])

    def test_what_is_lost_for_good_is_told(self):
        self.connect()
        self.run_js("listen(await one.join(group)); await two.publish(group, 0);"
                    "await until(() => names.length === 1);")

        def trim():
            last = self.run_js("""let ok; for (const n of [1, 2, 3, 4]) ok = await two.publish(group, n);
                return ok""")
            self.call("XTRIM", f"cw:{{g:{self.group}}}:h", "MINID", f"{last['epoch']}-4")
        self.assertIs(self.cut(trim), True)
        self.program.wait_for("one.seen.message.length === 3")
        told = self.run_js("return one.seen")
        self.assertEqual([m["data"] for m in told["message"]], [0, 3, 4])
        self.assertEqual([(gap["group"], gap["offset"]) for gap in told["gap"]], [(self.group, 3)])

    def test_many_groups_and_positions_go_by_the_op_since(self):
        self.connect()
        self.run_js("""globalThis.many = Array.from({ length: 60 },
                (_, i) => `many/${'long/'.repeat(20)}${i}`);
            await Promise.all(many.map((name) => one.join(name)));
            for (const name of many) await two.publish(name, 0);
            await until(() => one.seen.message.length === 60);""")
        self.assertIs(self.cut(lambda: self.run_js(
            "await Promise.all(many.map((name) => two.publish(name, 1)));")), True)
        told = self.run_js("""await until(() => one.seen.message.length >= 120);
            await Promise.all(many.map((name) => two.publish(name, 2)));
            await until(() => one.seen.message.length >= 180);
            return { of: many.map((name) => one.seen.message.filter((m) => m.group === name)
                .map((m) => m.data)), later: one._isLater, gaps: one.seen.gap, errors: one.seen.error }""")
        self.assertEqual(told["of"], [[0, 1, 2]] * 60)
        self.assertEqual((told["later"], told["gaps"], told["errors"]), (True, [], []))

    def test_presence_goes_on_after_a_resume(self):
        self.connect()
        self.run_js("await one.join(group, { presence: true }); await two.publish(group, 0);")
        self.assertIs(self.cut(lambda: self.run_js("await two.publish(group, 1);")), True)
        told = self.run_js("""await until(() => one.seen.joined.length);
            await two.join(group); await two.publish(group, 2);
            await until(() => one.seen.presence.length && one.seen.message.length >= 3);
            return { presence: one.seen.presence, two: two.channel,
                data: one.seen.message.map((m) => m.data) }""")
        self.assertEqual(told["data"], [0, 1, 2])
        self.assertEqual([(event["event"], event["channel"]) for event in told["presence"]],
                         [("join", told["two"])])

    def test_what_changed_while_it_was_away(self):
        channel = self.connect()
        self.run_js("await one.join(group); await one.join(`${group}.2`);")

        def change():
            self.wait_until_lost(channel)
            self.call("FCALL", "cw_group_add", 1, f"cw:{{c:{channel}}}", f"{self.group}.added")
            self.run_js("""globalThis.left = one.leave(group); globalThis.joined = one.join(
                `${group}.3`); globalThis.said = one.publish(group, 'while away');""")
        self.assertIs(self.cut(change), True)
        told = self.run_js("""await left; await joined; await said;
            await until(() => one.group(`${group}.added`).joined);
            await two.publish(group, 1);
            for (const n of ['2', '3', 'added']) await two.publish(`${group}.${n}`, n);
            await until(() => one.seen.message.length >= 3); await one.ping();
            return { data: one.seen.message.map((m) => m.data).sort(),
                added: one.seen.joined.map((event) => event.group) }""")
        self.assertEqual(told["data"], ["2", "3", "added"])
        self.assertEqual(told["added"], [f"{self.group}.added"])


class NoSessions(ReconnectCase):
    settings = {"session-ttl": 0}

    def test_groups_are_joined_again_where_they_were(self):
        proxy = self.own_proxy(self.a)
        group = self.run_js("return group")
        self.run_js(LISTEN + f"""globalThis.one = open({js(self.url(proxy))}, {{ backoffMin: 50 }});
            listen(await one.join(group));""")
        ledger, publisher = self.load(group, self.b, rate=200)
        for _ in range(3):
            count = self.program.get("names.length")
            self.program.wait_for(f"names.length > {count + 30}")
            opens = self.program.get("one.seen.open.length")
            proxy.reset()
            self.program.wait_for(f"one.seen.open.length > {opens} && one.group(group).joined")
        self.end_load(publisher)
        self.assertHeardAll(ledger)
        told = self.run_js("return one.seen.open")
        self.assertEqual({(event["resumed"], event["session"]) for event in told}, {(False, None)})
        self.assertEqual(len({event["channel"] for event in told}), len(told))


class Drained(ReconnectCase):

    def test_a_node_that_goes_away_says_when_to_come_back(self):
        node = self.own_node(self.redis, name="drained")
        self.run_js(LISTEN + f"""globalThis.one = open([{js(self.url(node))}, urls.b]);
            listen(await one.join(group));""")
        node.terminate()
        self.program.wait_for("one.seen.open.length === 2")
        told = self.run_js("return one.seen")
        self.assertEqual([event["code"] for event in told["reconnecting"]], [1001])
        self.assertEqual([event["delay"] for event in told["reconnecting"]],
                         [bye["retry_ms"] for bye in told["bye"]])
        self.assertIs(told["open"][1]["resumed"], True)

    def test_a_channel_that_has_expired_comes_back_as_a_new_one(self):
        told = self.run_js("""const one = open(urls.a, { expires: 1 });
            const chat = await one.join(group);
            await until(() => one.seen.open.length === 2 && one.seen.joined.length);
            await chat.publish('back');
            await until(() => one.seen.message.length);
            return one.seen;""")
        self.assertEqual([event["code"] for event in told["reconnecting"]][:1], [4003])
        self.assertEqual([event["resumed"] for event in told["open"]][:2], [False, False])
        self.assertNotEqual(told["open"][0]["channel"], told["open"][1]["channel"])


if __name__ == "__main__":
    main()
