"""The checker of the cluster tests finds what it is there to find."""

import unittest

import setup_path  # noqa: F401
from support.case import main
from support.checker import Ledger, Report, check, fill, name_and_length, payload


def ledger_of(names, unknown=(), refused=()):
    ledger = Ledger()
    for offset, name in enumerate(names, 1):
        ledger.send(name.split("-")[0], name)
        if name in unknown:
            ledger.miss(name)
        elif name in refused:
            ledger.refuse(name)
        else:
            ledger.acknowledge(name, {"epoch": "7", "offset": offset})
    return ledger


def report(name, names, **more):
    return Report({"name": name, "names": list(names), "ended": True, **more})


A, B, C = "p0-000000t", "p0-000001b", "p1-000000d"


class Checker(unittest.TestCase):

    def assertFinds(self, word, ledger, reports, cut_off=()):
        problems = check(ledger, reports, cut_off)
        self.assertTrue(any(word in problem for problem in problems), problems)

    def test_good_reports_have_no_problems(self):
        reports = [report("a", [A, B, C], positions=["7-1", "7-2", "7-3"]), report("b", [A, B, C])]
        self.assertEqual(check(ledger_of([A, B, C]), reports), [])

    def test_messages_of_unknown_outcome_may_be_there_or_not_but_everywhere_alike(self):
        ledger = ledger_of([A, B, C], unknown=[B])
        self.assertEqual(check(ledger, [report("a", [A, C]), report("b", [A, C])]), [])
        self.assertEqual(check(ledger, [report("a", [A, B, C]), report("b", [A, B, C])]), [])
        self.assertFinds("differ", ledger, [report("a", [A, B, C]), report("b", [A, C])])

    def test_a_beginning_is_enough_for_who_was_cut_off(self):
        ledger = ledger_of([A, B, C])
        whole = report("a", [A, B, C])
        self.assertEqual(check(ledger, [whole, report("b", [A], closed=1006)], ["b"]), [])
        self.assertFinds("beginning", ledger, [whole, report("b", [B])], ["b"])
        self.assertFinds("to see everything", ledger, [report("b", [A])], ["b"])

    def test_it_finds_what_is_wrong(self):
        ledger = ledger_of([A, B, C], refused=[C])
        good = report("a", [A, B])
        for word, bad in (("misses", report("b", [A])), ("twice", report("b", [A, B, B])),
                          ("another order", report("b", [B, A])),
                          ("differ", report("b", [B, A])),
                          ("nobody sent", report("b", [A, B, "p9-000000t"])),
                          ("refused", report("b", [A, B, C])),
                          ("damaged", report("b", [A, B], damaged=[A])),
                          ("gaps", report("b", [A, B], gaps=[{"op": "gap"}])),
                          ("closed", report("b", [A, B], closed=4005)),
                          ("never saw", report("b", [A, B], ended=False)),
                          ("came as", report("b", [A, B], positions=["7-1", "7-3"]))):
            with self.subTest(word):
                self.assertFinds(word, ledger, [good, bad])
        self.assertFinds("misses", ledger, [report("a", [A]), report("b", [A])])

    def test_fillings_follow_from_the_name(self):
        self.assertEqual(fill("ab", 7), "ab|ab|a")
        self.assertEqual(fill("ab", 0), "")
        self.assertEqual(payload("x-1t", 3), {"text": "x-1t 3 x-1"})
        self.assertEqual(payload("x-1d", 1)["data"], {"name": "x-1d", "length": 1, "fill": "x"})
        sizes = [name_and_length("p", number)[1] for number in range(200)]
        self.assertEqual(sum(size > 1024 for size in sizes), 4)
        self.assertEqual({name_and_length("p", number)[0][-1] for number in (49, 99, 149)},
                         set("tbd"))
        for number in range(200):
            name, length = name_and_length("p0", number)
            (value,) = payload(name, length).values()
            self.assertLess(len(str(value)), 65000)


if __name__ == "__main__":
    main()
