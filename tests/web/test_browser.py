"""web/chanway.js in Chromium, as it is published for pages: what Node's tests ask of it, and what only
a browser has."""

import setup_path  # noqa: F401
import test_client
from library import build
from support.case import main
from web_case import SharedPage


class InChromium(SharedPage):
    """Mixed into a class of tests: its program is a page with the classic script."""

    @classmethod
    def library_in(cls, folder):
        return build(folder)["chanway.min.js"]


class Ops(InChromium, test_client.Ops):

    def test_messages_are_compressed_both_ways(self):
        found = self.run_js("""
            const text = 'compressible '.repeat(1000);
            const socket = new WebSocket(`${urls.a}?type=text&groups=${group}&publish=${group}`);
            const heard = [];
            socket.onmessage = (event) => heard.push(event.data);
            await until(() => socket.readyState === 1);
            socket.send(text);
            await until(() => heard.length);
            socket.close();
            return [socket.extensions.split(';')[0], heard[0] === text];""")
        self.assertEqual(found, ["permessage-deflate", True])
        for name in ("compressed", "inflated"):
            self.assertGreaterEqual(self.a.metric(f"chanway_client_messages_{name}_total"), 1)


class BackEnd(InChromium, test_client.BackEnd):
    pass


class Tokens(InChromium, test_client.Tokens):
    pass


class Queue(InChromium, test_client.Queue):

    def test_a_network_that_is_back_is_used_at_once(self):
        told = self.run_js("""
            const one = open('ws://127.0.0.1:1/ws', { backoffMin: 60000, backoffMax: 60000 });
            await until(() => one.seen.reconnecting.length);
            dispatchEvent(new Event('online'));
            await until(() => one.seen.reconnecting.length === 2);
            return one.seen.reconnecting.map((event) => event.delay >= 30000);""")
        self.assertEqual(told, [True, True])

    def test_the_page_has_broken_no_rule(self):
        self.assertEqual(self.run_js("""const one = open(urls.a); await one.join(group);
            await one.publish(group, new Uint8Array(70)); return uncaught"""), [])


if __name__ == "__main__":
    main(limit=140)
