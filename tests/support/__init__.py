"""What the tests against the real program share: processes, clients, and a checker of messages."""
