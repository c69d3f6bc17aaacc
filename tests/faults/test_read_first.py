"""The suite finds a node that reads what it has missed before it subscribes (read_first.c)."""

import os

import setup_path  # noqa: F401
import test_faults
from fault_case import FaultCase
from support.case import main


class ReadFirst(FaultCase):
    settle_limit = 3.0
    rest_while_they_read = test_faults.Faults.rest_while_they_read

    def leave_row(self, verdict):
        self.verdict = verdict

    def test_what_came_between_is_found_missing(self):
        os.environ["CHANWAYD"] = os.environ["CHANWAYD_READ_FIRST"]
        with self.assertRaises(AssertionError) as caught:
            test_faults.Faults.test_network_delay(self)
        self.assertIn("lost:", str(caught.exception))
        self.assertGreater(self.verdict.lost, 0)
        # Nothing else is wrong with it.
        self.assertEqual((self.verdict.gaps, self.verdict.duplicated, self.verdict.disordered),
                         (0, 0, 0))


if __name__ == "__main__":
    main(110)
