"""The dashboard for those who can't see or point: what axe says of every view, and the keyboard alone."""

import setup_path  # noqa: F401
from dashboard_case import DashboardCase
from support.case import main

VIEWS = ("overview", "lookup", "chat", "console")


class Access(DashboardCase):

    def press_until(self, key, condition):
        self.run_js(f"""for (let i = 0; !await page.evaluate(() => {condition}); i += 1) {{
                if (i > 60) throw new Error('the keyboard does not lead there');
                await page.keyboard.press('{key}');
            }}""")

    def test_keyboard_alone(self):
        self.go("overview")
        self.run_js("await page.keyboard.press('Tab')")
        self.assertEqual(self.run_js("return page.evaluate(() => document.activeElement.textContent)"),
                         "Skip to the content")
        self.press_until("Tab", "document.activeElement.hash === '#/console'")
        self.run_js("await page.keyboard.press('Enter'); await page.waitForSelector('#console:not([hidden])')")
        self.press_until("Tab", "document.activeElement.id === 'console-button'")
        self.run_js("""await page.waitForFunction(() => document.querySelector('#console-url').value);
            await page.keyboard.press('Enter');""")
        self.wait_for_text("#console-log", '"op":"welcome"')
        self.press_until("Tab", "document.activeElement.textContent === 'ping'")
        self.run_js("await page.keyboard.press('Enter'); await page.keyboard.press('Enter')")
        self.wait_for_text("#console-log", '< {"op":"pong"}')

    def test_nothing_wrong_for_those_who_cant_see_or_point(self):
        client = self.own_client(self.a)
        client.join("axe")
        for scheme in ("light", "dark"):
            for width in (390, 1280):
                self.run_js(f"""await page.close(); globalThis.page = await openPage({{ reducedMotion: 'reduce',
                    colorScheme: '{scheme}', viewport: {{ width: {width}, height: 844 }} }});""")
                for view in VIEWS:
                    self.go(view)
                    self.wait_for_text("#state", "ready")
                    if view == "overview":
                        self.wait_for_text("#nodes tbody th", "b.")
                    if view == "lookup":
                        self.run_js("await page.fill('#search-text', 'axe');"
                                    "await page.press('#search-text', 'Enter')")
                        self.wait_for_text("#found h3", "axe")
                    if view == "chat":
                        self.wait_for_text(".messages", "connected to")
                    told = self.run_js("""return { wrong: await violations(page), overflow: await page.evaluate(
                        () => document.documentElement.scrollWidth - window.innerWidth) }""")
                    self.assertEqual(told["wrong"], [], (scheme, width, view))
                    self.assertLessEqual(told["overflow"], 0, (scheme, width, view))


if __name__ == "__main__":
    main(limit=140)
