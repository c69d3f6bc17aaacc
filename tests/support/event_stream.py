"""The event stream as a back end reads it."""


class EventStream:
    def __init__(self, redis, key="cw:{events}"):
        self.redis = redis
        self.key = key

    def read(self):
        """All entries as dicts of text, `payload` in bytes."""
        with self.redis.client() as client:
            return [{name.decode(): value if name == b"payload" else value.decode()
                     for name, value in fields.items()}
                    for _, fields in client.xrange(self.key)]

    def of(self, channel, *kinds):
        """Those of one channel, in order; of some kinds alone, if they are named."""
        return [event for event in self.read() if event["channel"] == channel
                and (not kinds or event["event"] in kinds)]

    def kinds(self, channel):
        return [event["event"] for event in self.of(channel)]
