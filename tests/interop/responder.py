"""Services in Python for Rust to call: one like AegisSDK 1.0, one of nats-py, one bare.

Serves until its standard input ends.
"""

import asyncio
import json
import os
import sys
import uuid
from datetime import datetime, timezone

import msgpack
import nats
import shapes
from nats import micro
from nats.micro.request import ServiceError

PREFIX = os.environ["PREFIX"]
PRICES = {"chair": 7}
LEVELS = {"chair": 12}


def codec_of(body):
    """As AegisSDK guesses it: a map of MessagePack cannot start JSON."""
    if body[:1] and (0x80 <= body[0] <= 0x8F or body[0] in (0xDE, 0xDF)):
        return msgpack.unpackb, msgpack.packb
    return json.loads, lambda value: json.dumps(value).encode()


class Pricing:
    """Speaks the envelope and nothing else, and is strict with it."""

    def __init__(self):
        self.standby_once = False

    async def answer(self, message):
        unpack, pack = codec_of(message.data)
        request = unpack(message.data)
        mistakes = shapes.request(request)
        if mistakes:
            result, error = None, f"INVALID_ENVELOPE: {'; '.join(mistakes)}"
        else:
            result, error = self.handle(request["method"], request["params"])
        response = {
            "message_id": str(uuid.uuid4()),
            "trace_id": request.get("trace_id", ""),
            "correlation_id": request.get("message_id"),
            "timestamp": datetime.now(timezone.utc).isoformat(),
            "source": "pricing",
            "target": request.get("source"),
            "success": error is None,
            "result": result,
            "error": error,
        }
        await message.respond(pack(response))

    def handle(self, method, params):
        if method == "stand_by":
            self.standby_once = True
            return None, None
        if self.standby_once:
            self.standby_once = False
            return None, "NOT_ACTIVE"
        if params["sku"] not in PRICES:
            return None, f"NO_PRICE: {params['sku']} has no price"
        return PRICES[params["sku"]], None


async def level(request):
    """Success, an error with a body, an error in headers only."""
    unpack, pack = codec_of(request.data)
    sku = unpack(request.data)["sku"]
    if sku in LEVELS:
        await request.respond(pack(LEVELS[sku]))
    elif sku == "ghost":
        text = "ghost has no price"
        body = {"error": f"NO_PRICE: {text}", "code": "NO_PRICE", "message": text}
        body |= {"details": {"NoPrice": sku}, "retryable": False}
        await request.respond_error("404", f"NO_PRICE: {text}", pack(body))
    else:
        raise ServiceError("409", f"SOLD_OUT: no {sku} left")


async def fails(request):
    raise RuntimeError("on purpose")


async def quiet(request):
    await request.respond()


async def bare(message):
    unpack, pack = codec_of(message.data)
    params = unpack(message.data)
    await message.respond(pack(params["a"] + params["b"]))


async def main():
    connection = await nats.connect(os.environ["NATS_URL"], allow_reconnect=False)
    pricing = Pricing()
    await connection.subscribe(f"{PREFIX}.rpc.pricing.*", "rpc.pricing", pricing.answer)
    service = await micro.add_service(connection, name="stock", version="2.0.0")
    for name, handler in (("level", level), ("fails", fails), ("quiet", quiet)):
        subject = f"{PREFIX}.rpc.stock.{name}"
        await service.add_endpoint(name=name, subject=subject, handler=handler)
    await connection.subscribe(f"{PREFIX}.rpc.stock.bare", cb=bare)
    await connection.flush()
    print("serving", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await service.stop()
    await connection.close()


asyncio.run(main())
