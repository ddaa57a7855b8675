"""Calls an Aegis service plain and with the envelope of AegisSDK 1.0."""

import asyncio
import json
import uuid
from datetime import datetime, timezone

import msgpack
import shapes
from peer import Peer
from report import Report

ERROR, NUMBER = "Nats-Service-Error", "Nats-Service-Error-Code"
BY_ZERO = "DIVISION_BY_ZERO: 7 cannot be divided by nothing"
JSON = (lambda value: json.dumps(value).encode(), json.loads)
MSGPACK = (msgpack.packb, msgpack.unpackb)


def envelope(method, params):
    return {
        "message_id": str(uuid.uuid4()),
        "trace_id": str(uuid.uuid4()),
        "correlation_id": None,
        "timestamp": datetime.now(timezone.utc).isoformat(),
        "source": "python",
        "target": "probe",
        "method": method,
        "params": params,
        "timeout": 5.0,
    }


async def plain(report, peer):
    answer = await peer.ask("add", '{"a":1,"b":2}')
    report.equal("a plain call gets the bare result", (answer.data, answer.headers), (b"3", None))
    answer = await peer.ask("greet", '{"name":"Ada Þórðardóttir 👋"}')
    report.equal("text is UTF-8", json.loads(answer.data), "Hello, Ada Þórðardóttir 👋!")
    answer = await peer.ask(f"add.{peer.instance}", '{"a":1,"b":2}')
    report.equal("one instance can be called", answer.data, b"3")
    answer = await peer.ask("told", '{"name":"tenant"}', {"Tenant": "acme"})
    report.equal("headers reach the handler", answer.data, b'"acme"')

    answer = await peer.ask("divide", '{"a":7,"by":0}')
    report.equal("a domain error's text", answer.headers[ERROR], BY_ZERO)
    report.equal("a domain error's number", answer.headers[NUMBER], "422")
    expected = {
        "error": BY_ZERO,
        "code": "DIVISION_BY_ZERO",
        "message": "7 cannot be divided by nothing",
        "details": {"DivisionByZero": 7},
        "retryable": False,
    }
    report.equal("a domain error's body", json.loads(answer.data), expected)

    answer = await peer.ask("add", msgpack.packb({"a": 1, "b": 2}))
    report.equal("MessagePack gets MessagePack", msgpack.unpackb(answer.data), 3)
    report.equal("and says so", answer.headers, {"Content-Type": "application/msgpack"})
    body = msgpack.packb({"size": 70_000})
    answer = await peer.ask("blob", body, {"Content-Type": "application/msgpack"})
    report.equal("a long text in MessagePack", msgpack.unpackb(answer.data), "x" * 70_000)


async def enveloped(report, peer, name, codec, extended):
    pack, unpack = codec
    headers = {"Aegis-Version": "1"} if extended else None
    request = envelope("add", {"a": 1, "b": 2})
    answer = await peer.ask("add", pack(request), headers)
    response = unpack(answer.data)
    report.none(f"{name}: a success has the SDK's fields", shapes.response(response))
    report.equal(f"{name}: the result", response["result"], 3)
    for field, expected in (
        ("correlation_id", request["message_id"]),
        ("trace_id", request["trace_id"]),
        ("source", "probe"),
        ("target", "python"),
    ):
        report.equal(f"{name}: {field}", response[field], expected)

    answer = await peer.ask("divide", pack(envelope("divide", {"a": 7, "by": 0})), headers)
    response = unpack(answer.data)
    report.none(f"{name}: a failure's fields", shapes.response(response, extended))
    report.equal(f"{name}: a failure's text", response["error"], BY_ZERO)
    report.equal(f"{name}: a failure's result", response["result"], None)
    report.equal(f"{name}: a failure's number", answer.headers[NUMBER], "422")
    report.equal(f"{name}: a failure's header", answer.headers[ERROR], BY_ZERO)
    if extended:
        report.equal(f"{name}: its code", response["code"], "DIVISION_BY_ZERO")
        report.equal(f"{name}: its text", response["message"], "7 cannot be divided by nothing")
        report.equal(f"{name}: its details", response["details"], {"DivisionByZero": 7})
        report.equal(f"{name}: whether to retry", response["retryable"], False)


async def main():
    report, peer = Report(), await Peer.connect()
    await plain(report, peer)
    for name, codec in (("JSON", JSON), ("MessagePack", MSGPACK)):
        for extended in (False, True):
            version = "with version" if extended else "without version"
            await enveloped(report, peer, f"{name} {version}", codec, extended)
    await peer.nats.close()
    report.end()


asyncio.run(main())
