"""The dashboard of the admin port in Chromium, on two nodes: what it shows, for whom, and what it keeps to."""

import setup_path  # noqa: F401
from dashboard_case import DashboardCase
from support import tokens
from support.case import main
from support.wait import until
from web_case import js


class Dashboard(DashboardCase):

    def test_overview_shows_both_nodes_and_what_flows(self):
        group = "of-the-dashboard"
        one, two = self.own_client(self.a), self.own_client(self.b)
        one.join(group)
        two.join(group)
        self.go("overview")
        for node in (self.a, self.b):
            self.wait_for_text("#nodes tbody th", self.node_id(node))
        self.wait_for_text("#state", "ready")
        self.wait_for_text("#this-node", self.node_id(self.a))
        self.wait_for_text("#cards li", "Nodes2")

        def shown():
            two.publish(group, data="x" * 100)
            self.assertReceives(one, group, data="x" * 100)
            self.assertReceives(two, group, data="x" * 100)
            return self.run_js("""const cards = await page.$$eval('#cards li', (all) => all.map((one) =>
                    [one.firstChild.textContent, parseFloat(one.lastChild.textContent)]));
                return Object.fromEntries(cards)""")
        until(lambda: shown()["Channels"] >= 2 and shown()["Messages out /s"] > 0, "rates", 30)
        label = self.run_js("return page.getAttribute('#picture svg', 'aria-label')")
        self.assertIn("2 nodes", label)
        self.wait_for_text("#redis", "up")
        one.close()
        self.wait_for_text("#closes", "1000 ended")

    def test_a_node_that_goes_is_gone(self):
        third = self.own_node(self.redis, name="third")
        self.go("overview")
        self.wait_for_text("#nodes tbody th", "third.")
        third.terminate()
        self.run_js("""await page.waitForFunction(() => !document.querySelector('#nodes').textContent
            .includes('third.'), null, { timeout: 25000 })""")

    def test_search_for_a_channel_and_a_group(self):
        client = self.own_client(self.b)
        client.join("room/to=find")
        channel = client.welcome["channel"]
        self.go("lookup")
        self.wait_for_text("#channels tbody td", channel)
        self.run_js(f"await page.fill('#search-text', {js(channel)}); await page.press('#search-text', 'Enter')")
        self.wait_for_text("#found dd", "connected")
        self.wait_for_text("#found dd", self.node_id(self.b))
        self.run_js("await page.click('#found button:text-is(\"room/to=find\")')")
        self.wait_for_text("#found h3", "room/to=find")
        self.run_js("await page.click('#found button:text-is(\"Watch its messages\")')")
        self.wait_for_text("#found .log", "joined by")
        client.publish("room/to=find", data={"said": "<b>to all</b>"})
        self.wait_for_text("#found .log", '{"said":"<b>to all</b>"}')
        self.run_js("await page.fill('#search-text', 'nobody knows'); await page.press('#search-text', 'Enter')")
        self.wait_for_text("#found", "can't be looked up")
        self.run_js("problems.splice(0)")  # the browser tells of the 400

    def test_an_administrator_sends_and_closes(self):
        client = self.own_client(self.b)
        channel = client.welcome["channel"]
        node = self.own_node(self.redis, name="asking", **{"admin-token": "sesame"})
        url = "http://%s:%d/" % node.admin
        self.run_js(f"allowed.push({js(url)}); await page.goto({js(url)} + '#/lookup');"
                    f"await page.fill('#search-text', {js(channel)}); await page.press('#search-text', 'Enter')")
        self.wait_for_text("#found dd", "connected")
        self.run_js("""await page.fill('#action-send', '{"only":"you"}'); await page.press('#action-send', 'Enter');
            await page.fill('#admin-token', 'wrong'); await page.press('#admin-token', 'Enter');
            await page.waitForFunction(() => !document.querySelector('#admin-token').value);
            await page.fill('#admin-token', 'sesame'); await page.press('#admin-token', 'Enter');""")
        self.wait_for_text("#found form [role=status]", "delivered")
        frame = client.message()
        self.assertEqual((frame["data"], frame["from"]), ({"only": "you"}, "admin"))
        self.run_js("await page.fill('#action-close', 'enough'); await page.press('#action-close', 'Enter')")
        bye = client.receive()
        self.assertEqual((bye["code"], bye["reason"]), (4004, "enough"))
        self.run_js("allowed.pop(); problems.splice(0)")  # the browser tells of each 401

    def test_a_ban_and_its_end(self):
        client = self.own_client(self.b)
        channel = client.welcome["channel"]
        self.go("lookup")
        self.run_js(f"await page.fill('#search-text', {js(channel)}); await page.press('#search-text', 'Enter')")
        self.wait_for_text("#found dd", "127.0.0.1")
        self.run_js("await page.click('#found button:text-is(\"ban\")')")
        self.assertEqual(self.run_js("return page.inputValue('#ban-who')"), "address:127.0.0.1")
        self.run_js(f"""await page.fill('#ban-who', {js('channel:' + channel)});
            await page.fill('#ban-reason', 'enough'); await page.press('#ban-reason', 'Enter');""")
        bye = client.receive()
        self.assertEqual((bye["code"], bye["reason"]), (4004, "enough"))
        self.wait_for_text("#bans tbody td", channel)
        self.run_js("await page.click('#bans button')")
        self.wait_for_text("#bans-total", "Nobody is banned.")

    def test_clients_with_a_token(self):
        node = self.own_node(self.own_redis(), name="strict", **{"token-secret": tokens.SECRET})
        token = tokens.token("anna", join=["*"], publish=["*"])
        url = "http://%s:%d/" % node.admin
        self.run_js(f"allowed.push({js(url)}, 'ws://127.0.0.1:{node.port}/');"
                    f"await page.goto({js(url)} + '#/chat');"
                    f"await page.fill('#client-token', {js(token)});"
                    "await page.press('#client-token', 'Enter')")
        self.wait_for_text(".messages", "connected to")
        self.run_js("await page.click('nav a[href=\"#/lookup\"]');"
                    "await page.fill('#search-text', 'anna'); await page.press('#search-text', 'Enter')")
        self.wait_for_text("#found h3", "User anna")
        self.run_js("allowed.splice(-2)")

    def test_groups_of_this_node(self):
        client = self.own_client(self.a)
        for name in ("here.one", "here.two", "elsewhere"):
            client.join(name)
        self.go("lookup")
        self.run_js("await page.fill('#groups-match', 'here.')")
        self.run_js("""await page.waitForFunction(() => [...document.querySelectorAll('#groups tbody tr')]
            .map((row) => row.textContent).sort().join() === 'here.one1,here.two1', null, { timeout: 25000 })""")

    def test_the_demo_chat_goes_over_two_nodes(self):
        self.go("chat")
        nodes = [self.node_id(self.a), self.node_id(self.b)]
        for i, node in enumerate(nodes):
            self.wait_for_text(f"#chat-panes section:nth-child({i + 1}) [role=status]", node)
        self.run_js("""await page.fill('#chat-0-text', 'hello <i>there</i>');
            await page.press('#chat-0-text', 'Enter');""")
        for i in (1, 2):
            self.wait_for_text(f"#chat-panes section:nth-child({i}) .messages", "hello <i>there</i>")
        self.wait_for_text("#chat-panes section:nth-child(1) .mine", "Ada")

    def test_the_console_speaks_the_protocol(self):
        self.go("console")
        self.run_js("""await page.waitForFunction(() => document.querySelector('#console-url').value);
            await page.click('#console-button');""")
        self.wait_for_text("#console-log", '"op":"welcome"')
        self.run_js("await page.click('#console-templates button'); await page.press('#console-text', 'Enter')")
        self.wait_for_text("#console-log", '< {"op":"ok","id":1')
        self.run_js("await page.click('#console-button')")
        self.wait_for_text("#console-log", "closed: 1000")

    def test_without_redis_it_says_so_and_comes_back(self):
        redis = self.own_redis()
        node = self.own_node(redis, name="alone")
        url = "http://%s:%d/" % node.admin
        self.run_js(f"allowed.push({js(url)}); await page.goto({js(url)})")
        self.wait_for_text("#nodes tbody th", "alone.")
        redis.freeze()
        try:
            self.wait_for_text("#state", "not ready")
        finally:
            redis.thaw()
        self.run_js("""await page.waitForFunction(() => document.querySelector('#state').textContent === 'ready',
            null, { timeout: 25000 })""")
        self.run_js("allowed.pop(); problems.splice(0)")  # the browser tells of each 503

    def test_a_node_that_does_not_answer_is_said(self):
        third = self.own_node(self.redis, name="lost")
        url = "http://%s:%d/" % third.admin
        self.run_js(f"allowed.push({js(url)}); await page.goto({js(url)})")
        self.wait_for_text("#state", "ready")
        third.kill()
        self.wait_for_text("#state", "does not answer")
        self.run_js("allowed.pop(); problems.splice(0)")  # the browser tells of each request


if __name__ == "__main__":
    main(limit=140)
