"""A connection that knows where the Aegis service under test is."""

import os

import nats

# The longest wait for one answer.
PATIENCE = 20


class Peer:
    def __init__(self, connection):
        self.nats = connection
        self.prefix = os.environ["PREFIX"]
        self.instance = os.environ["INSTANCE"]

    @classmethod
    async def connect(cls):
        return cls(await nats.connect(os.environ["NATS_URL"], allow_reconnect=False))

    def subject(self, method):
        return f"{self.prefix}.rpc.probe.{method}"

    async def ask(self, method, body=b"", headers=None):
        return await self.request(self.subject(method), body, headers)

    async def request(self, subject, body=b"", headers=None):
        if isinstance(body, str):
            body = body.encode()
        return await self.nats.request(subject, body, timeout=PATIENCE, headers=headers)
