"""web/chanway.js against real nodes: what an application asks for and what it is told."""

import base64

import setup_path  # noqa: F401
from support import tokens
from support.case import main
from support.ports import free_port
from support.wait import until
from web_case import WebCase, js


class Ops(WebCase):
    settings = {"max_groups": 8, "events": "message"}

    def test_a_chat_of_two_on_two_nodes(self):
        told = self.run_js("""
            const one = open(urls.a), two = open(urls.b);
            const chat = await one.join(group, { presence: true });
            const mine = [], gone = [];
            chat.on('message', (message) => mine.push(message));
            chat.on('presence', (event) => gone.push(event));
            const other = await two.join(group);
            const ok = await other.publish({ hello: 1 });
            await until(() => mine.length && two.seen.message.length);
            await other.leave();
            await until(() => gone.length === 2);
            return { ok, mine, gone, other: two.channel, two: two.seen.message, joined: other.joined,
                position: chat.position, nodes: [one.node, two.node] };""")
        message = told["mine"][0]
        self.assertEqual((message["data"], message["payload"], message["kind"], message["group"],
                          message["from"]), ({"hello": 1}, {"hello": 1}, "data",
                                             self.run_js("return group"), told["other"]))
        self.assertEqual(told["ok"], {"epoch": message["epoch"], "offset": message["offset"]})
        self.assertEqual(told["position"], told["ok"])
        self.assertEqual(told["two"], told["mine"])
        self.assertEqual([event["event"] for event in told["gone"]], ["join", "leave"])
        self.assertFalse(told["joined"])
        self.assertEqual([node[:2] for node in told["nodes"]], ["a.", "b."])

    def test_payloads_arrive_as_they_were_said(self):
        kinds = self.run_js("""
            const one = open(urls.a), two = open(urls.b, { type: 'text' });
            await Promise.all([one.join(group), two.join(group)]);
            const large = new Uint8Array(40000).map((_, i) => i * 7);
            const values = { null: null, number: 1.5, list: [1, [2]], text: 'a "quoted" \\u00fc' };
            await one.publish(group, values);
            await one.publish(group, 'a string of JSON');
            await two.publish(group, 'text of a text channel');
            await one.publish(group, 5, { as: 'text' });
            await one.publish(group, large);
            await one.publish(group, large.buffer);
            await one.publish(group, new DataView(large.buffer, 2, 3));
            await two.publish(group, 'data after all', { as: 'data' });
            await until(() => one.seen.message.length === 8 && two.seen.message.length === 8);
            if (one.seen.message.some(({ bytes }) => bytes && !(bytes instanceof Uint8Array))) {
                throw new Error('bytes are a Uint8Array');
            }
            return one.seen.message.map(({ kind, payload, data, text, bytes }) => [kind,
                bytes ? btoa(String.fromCharCode(...bytes)) : payload,
                payload === { data, text, bytes }[kind]]);""")
        large = base64.b64encode(bytes(i * 7 % 256 for i in range(40000))).decode()
        values = {"null": None, "number": 1.5, "list": [1, [2]], "text": 'a "quoted" ü'}
        self.assertEqual(kinds, [
            ["data", values, True], ["data", "a string of JSON", True],
            ["text", "text of a text channel", True], ["text", "5", True], ["bytes", large, True],
            ["bytes", large, True],
            ["bytes", base64.b64encode(bytes([14, 21, 28])).decode(), True],
            ["data", "data after all", True]])

    def test_what_is_no_payload_fails_here(self):
        codes = self.run_js("""
            const one = open(urls.a), loop = {}; loop.loop = loop;
            return Promise.all([refused(one.publish(group, undefined)),
                refused(one.publish(group, () => 1)), refused(one.publish(group, 'x', { as: 'bytes' })),
                refused(one.publish(group, loop))]);""")
        self.assertEqual([code.get("code") for code in codes], ["bad_payload"] * 3 + [None])
        self.assertEqual(codes[3]["name"], "TypeError")

    def test_a_payload_is_what_it_was_when_it_was_published(self):
        self.assertEqual(self.run_js("""
            const one = open(urls.a), value = { n: 1 }, bytes = new Uint8Array([1]);
            const done = [one.join(group), one.publish(group, value), one.publish(group, bytes)];
            value.n = 2; bytes[0] = 2;
            await Promise.all(done);
            await until(() => one.seen.message.length === 2);
            return [one.seen.message[0].data, ...one.seen.message[1].bytes];"""), [{"n": 1}, 1])

    def test_direct_messages(self):
        told = self.run_js("""
            const one = open(urls.a), two = open(urls.b);
            await Promise.all([one.ready(), two.ready()]);
            const ok = await one.send(two.channel, { only: 'you' });
            await until(() => two.seen.message.length);
            const nobody = await refused(one.send('01a215df-b1c4-7c7d-a804-000000000000', 1));
            const key = 'k1', twice = [];
            for (let i = 0; i < 2; i += 1) twice.push(await one.send(two.channel, 1, { key }));
            await until(() => two.seen.message.length === 2);
            await two.ack();
            return { ok, message: two.seen.message[0], nobody, twice, from: one.channel };""")
        self.assertEqual(told["ok"]["status"], "delivered")
        self.assertEqual(told["message"]["data"], {"only": "you"})
        self.assertEqual(told["message"]["from"], told["from"])
        self.assertNotIn("group", told["message"])
        self.assertEqual((told["nobody"]["name"], told["nobody"]["code"],
                          told["nobody"]["temporary"]), ("ChanwayError", "not_found", False))
        self.assertEqual([bool(ok.get("duplicate")) for ok in told["twice"]], [False, True])

    def test_errors_of_the_node(self):
        told = self.run_js("""
            const one = open(urls.a);
            const reserved = await refused(one.join('user:x'));
            const bad = await refused(one.join('no blanks'));
            for (let i = 0; i < 8; i += 1) await one.join(`${group}.${i}`);
            const many = await refused(one.join(`${group}.8`));
            const token = await refused(one.auth('none'));
            return { codes: [reserved, bad, many].map((error) => error.code), token,
                joined: one.group(`${group}.8`).joined, state: one.state };""")
        self.assertEqual(told["codes"], ["forbidden", "bad_request", "too_many_groups"])
        self.assertIn("code", told["token"])
        self.assertEqual((told["joined"], told["state"]), (False, "open"))

    def test_members_page_by_page(self):
        told = self.run_js("""
            const all = [0, 1, 2, 3, 4].map((i) => open(i % 2 ? urls.a : urls.b));
            await Promise.all(all.map((one) => one.join(group)));
            const pages = { 1: [], 2: [], undefined: [] };
            for (const count of [1, 2, undefined]) {
                for await (const member of all[0].members(group, { count })) {
                    pages[count].push(member.channel);
                }
            }
            return { pages, channels: all.map((one) => one.channel) };""")
        for members in told["pages"].values():
            self.assertEqual(sorted(members), sorted(told["channels"]))

    def test_echo_keys_and_the_application(self):
        told = self.run_js("""
            const one = open(urls.a), two = open(urls.b);
            await Promise.all([one.join(group), two.join(group)]);
            await one.publish(group, 'not to me', { echo: false });
            const first = await one.publish(group, 1, { key: 'mine' });
            const again = await two.publish(group, 1, { key: 'mine' });
            const free = await one.publish(group, 2, { key: null });
            await one.message({ to: 'the application' });
            await until(() => one.seen.message.length === 2 && two.seen.message.length === 3);
            return { first, again, free, ping: await one.ping(),
                one: one.seen.message.map((m) => m.data) };""")
        self.assertEqual(told["again"], {**told["first"], "duplicate": True})
        self.assertEqual(told["one"], [1, 2])
        self.assertGreaterEqual(told["ping"], 0)
        until(lambda: any(b'{"to":"the application"}' in fields.values() for _, fields in
                          self.call("XRANGE", "cw:{events}", "-", "+")), "the event")

    def test_nothing_is_missed_between_the_answer_and_the_handler(self):
        told = self.run_js("""
            const one = open(urls.a), two = open(urls.b);
            for (let i = 0; i < 20; i += 1) await one.publish(group, i);
            const publishing = (async () => {
                for (let i = 20; i < 200; i += 1) await one.publish(group, i);
            })();
            const chat = await two.join(group, { since: { epoch: '0', offset: 0 } });
            const got = [];
            chat.on('message', (message) => got.push(message.data));
            await publishing;
            await until(() => got.length >= 200);
            return { got, recovered: chat.recovered, all: two.seen.message.map((m) => m.data) };""")
        self.assertEqual(told["got"], list(range(200)))
        self.assertEqual(told["all"], told["got"])
        self.assertIs(told["recovered"], True)

    def test_handlers_come_off_and_one_that_throws_stops_nobody(self):
        told = self.run_js("""
            const one = open(urls.a), chat = await one.join(group);
            const got = [], once = [], off = [];
            chat.on('message', () => { throw new Error('of the application'); });
            chat.once('message', (m) => once.push(m.data));
            const takeOff = chat.on('message', (m) => { off.push(m.data); takeOff(); });
            chat.on('message', (m) => got.push(m.data));
            for (const i of [1, 2, 3]) await one.publish(group, i);
            await until(() => got.length === 3 && uncaught.length === 3);
            return { got, once, off, uncaught };""")
        self.assertEqual((told["got"], told["once"], told["off"]), ([1, 2, 3], [1], [1]))
        self.assertEqual(told["uncaught"], ["Error: of the application"] * 3)

    def test_groups_from_the_start(self):
        told = self.run_js("""
            const one = open(urls.a, { groups: [`${group}.1`, `${group}.2`, 'user:no'] });
            const heard = [];
            one.group(`${group}.1`).on('message', (m) => heard.push(m.data));
            await one.publish(`${group}.1`, 1);
            await until(() => heard.length === 1 && one.seen.error.length === 1);
            return [heard, one.group(`${group}.2`).joined, one.seen.error[0].code];""")
        self.assertEqual(told, [[1], True, "forbidden"])


class BackEnd(WebCase):

    def test_a_back_end_adds_and_removes(self):
        channel = self.run_js("globalThis.one = open(urls.a); await one.ready(); return one.channel")
        group = self.run_js("return group")
        self.call("FCALL", "cw_group_add", 1, f"cw:{{c:{channel}}}", group)
        self.program.wait_for("one.seen.joined.length")
        self.call("FCALL", "cw_publish", 1, f"cw:{{g:{group}}}", "text", "hello", "FROM", "shop")
        self.program.wait_for("one.seen.message.length")
        self.call("FCALL", "cw_group_remove", 1, f"cw:{{c:{channel}}}", group)
        self.program.wait_for("one.seen.left.length")
        seen = self.run_js("return { ...one.seen, in: one.group(group).joined }")
        self.assertEqual([event["group"] for event in seen["joined"] + seen["left"]], [group] * 2)
        self.assertEqual((seen["message"][0]["text"], seen["message"][0]["from"]), ("hello", "shop"))
        self.assertFalse(seen["in"])

    def test_closed_by_a_back_end_is_closed(self):
        for code in (4004, 4321, 3456, 1000):
            channel = self.run_js("""globalThis.one = open(urls.a); await one.ready();
                globalThis.waiting = refused(one.ready()); return one.channel""")
            self.call("FCALL", "cw_close", 1, f"cw:{{c:{channel}}}", code, "enough")
            self.program.wait_for("one.seen.close.length")
            told = self.run_js("""return { close: one.seen.close, state: one.state, bye: one.seen.bye,
                again: one.seen.reconnecting, after: await refused(one.publish('x', 1)) }""")
            self.assertEqual(told["close"], [{"code": code, "reason": "enough"}])
            self.assertEqual((told["state"], told["after"]["code"], told["again"]),
                             ("closed", "closed", []))
            self.assertEqual([bye["code"] for bye in told["bye"]], [code] if code >= 4000 else [])

    def test_a_close_of_ones_own_ends_the_session(self):
        channel = self.run_js("""const one = open(urls.a); await one.join(group);
            const waiting = refused(one.ping()); await one.close();
            globalThis.outcome = await waiting; return one.channel""")
        self.assertEqual(self.run_js("return outcome")["code"], "closed")
        until(lambda: not self.call("EXISTS", f"cw:{{c:{channel}}}"), "the channel is gone")


class Tokens(WebCase):
    settings = {"token-secret": tokens.SECRET}

    def give(self, *given):
        self.run_js(f"""globalThis.given = {js(given)}; globalThis.asked = 0;
            globalThis.next = async () => given[Math.min(asked++, given.length - 1)];""")

    def test_a_token_is_renewed_before_it_ends(self):
        self.give(tokens.token("anna", ttl=5, join=["*"], publish=["*"]),
                  tokens.token("anna", join=["*"], publish=["*"]))
        told = self.run_js("""
            const one = open(urls.a, { token: next });
            await one.join(group);
            const ends = JSON.parse(atob(given[0].split('.')[1])).exp * 1000;
            await until(() => Date.now() > ends + 1500, 'it has ended');
            await one.publish(group, 1);
            await until(() => one.seen.message.length);
            return { user: one.user, asked, order: one.order, state: one.state };""")
        self.assertEqual((told["user"], told["asked"], told["state"]), ("anna", 2, "open"))
        self.assertEqual(told["order"], ["open", "message"])

    def test_a_token_that_ended_is_replaced_at_the_next_connection(self):
        late = tokens.token("anna", ttl=-100, join=["*"])
        self.give(late, tokens.token("anna", join=["*"]))
        told = self.run_js("""
            const one = open(urls.a, { token: next, backoffMin: 50 });
            await one.join(group);
            return { user: one.user, again: one.seen.reconnecting.map(({ code }) => code), asked };""")
        self.assertEqual((told["user"], told["again"], told["asked"]), ("anna", [4001], 2))
        told = self.run_js(f"""
            const two = open(urls.a, {{ token: {js(late)} }});
            await until(() => two.seen.close.length);
            return two.seen;""")
        self.assertEqual([event["code"] for event in told["close"]], [4001])
        self.assertEqual(told["reconnecting"], [])

    def test_what_a_token_does_not_allow(self):
        self.give(tokens.token("anna", join=["chat.*"]))
        told = self.run_js("""
            const one = open(urls.a, { token: next });
            await one.join('chat.1');
            return [await refused(one.join('other')), await refused(one.publish('chat.1', 1))];""")
        self.assertEqual([error["code"] for error in told], ["forbidden", "forbidden"])


class Queue(WebCase):

    def test_ops_wait_for_a_connection_up_to_the_bound(self):
        port = free_port()
        told = self.run_js("""
            globalThis.one = open('ws://127.0.0.1:%d/ws', { queueMax: 5, backoffMin: 50,
                backoffMax: 100 });
            globalThis.done = [1, 2, 3, 4, 5].map((n) => refused(one.publish(group, n)));
            const beyond = await refused(one.publish(group, 6));
            await until(() => one.seen.reconnecting.length > 2);
            return { beyond, again: one.seen.reconnecting.slice(0, 3) };""" % port)
        self.assertEqual((told["beyond"]["name"], told["beyond"]["code"]),
                         ("ChanwayError", "queue_full"))
        self.assertIn("5 ops wait", told["beyond"]["message"])
        self.assertEqual([(event["code"], event["attempt"]) for event in told["again"]],
                         [(1006, 1), (1006, 2), (1006, 3)])
        self.own_node(self.redis, listen=f"127.0.0.1:{port}", wait=False)
        told = self.run_js("""return { done: await Promise.all(done),
            after: await one.publish(group, 7) }""", 40)
        self.assertEqual([one["ok"]["offset"] for one in told["done"]], [1, 2, 3, 4, 5])
        self.assertEqual(told["after"]["offset"], 6)

    def test_an_op_waits_no_longer_than_its_timeout(self):
        told = self.run_js("""
            const one = open('ws://127.0.0.1:%d/ws', { timeout: 100, queueMax: 1 });
            const first = await refused(one.join(group));
            return { first, second: await refused(one.publish(group, 1, { timeout: 50 })) };
            """ % free_port())
        for error in told.values():
            self.assertEqual((error["code"], error["temporary"]), ("timeout", True))

    def test_no_websocket_and_no_url(self):
        told = self.run_js("""
            const bad = open('ftp://nonsense');
            await until(() => bad.seen.close.length);
            let thrown = null;
            if (!globalThis.WebSocket) {
                try { open(urls.a, { WebSocket: undefined }); } catch (error) { thrown = error.code; }
            }
            return { state: bad.state, error: bad.seen.error.length, thrown,
                has: !!globalThis.WebSocket };""")
        self.assertEqual((told["state"], told["error"]), ("closed", 1))
        self.assertEqual(told["thrown"], None if told["has"] else "bad_request")


if __name__ == "__main__":
    main()
