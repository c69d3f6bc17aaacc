"""A message to many is written in slices: other input is looked at before all of them have it."""

import setup_path  # noqa: F401
from support.case import NodeCase, main

NARROW, WIDE = 20, 400  # members
MESSAGES = 20


class Wide(NodeCase):

    def turns_of_a_message(self, members):
        """How many turns of its loop the node takes to publish and write one to so many."""
        group = self.new_group()
        publisher = self.client()
        sockets = [self.node.raw_member(group) for _ in range(members)]
        before = self.node.metric("chanway_loop_turn_seconds_count")
        for number in range(MESSAGES):
            publisher.publish(group, text=str(number))
            for socket in sockets:
                self.assertEqual(socket.receive_text(), str(number))
        turns = self.node.metric("chanway_loop_turn_seconds_count") - before
        for socket in sockets:
            socket.drop()
        return turns / MESSAGES

    def test_a_wide_group_takes_more_turns_than_a_narrow_one(self):
        narrow, wide = self.turns_of_a_message(NARROW), self.turns_of_a_message(WIDE)
        self.assertGreater(wide, narrow + 3)


if __name__ == "__main__":
    main()
