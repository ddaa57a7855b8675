"""Sends an Aegis service what it cannot understand: it refuses or ignores, and goes on."""

import asyncio
import json

import msgpack
from nats import errors
from peer import PATIENCE, Peer
from report import Report

NUMBER = "Nats-Service-Error-Code"
GOOD = b'{"a":1,"b":2}'

REFUSED = {
    "not JSON": b"hello",
    "cut off": b'{"a":1,',
    "a wrong type": b'{"a":"1","b":2}',
    "a missing field": b'{"a":1}',
    "an empty body": b"",
    "a list": b"[1,2]",
    "not UTF-8": b"\xff\xfe\xfd",
    "a field that is not UTF-8": b'{"a":1,"\xff":1}',
    "cut off MessagePack": msgpack.packb({"a": 1, "b": 2})[:-1],
    "a wrong type in MessagePack": msgpack.packb({"a": "1", "b": 2}),
    "an envelope with a wrong type": b'{"method":"add","params":{"a":"1","b":2}}',
}

ANSWERED = {
    "an extra field": (b'{"a":1,"b":2,"c":[]}', None),
    "a deadline that is none": (GOOD, {"Aegis-Deadline-Ms": "soon"}),
    "a content type that is none": (GOOD, {"Content-Type": "x"}),
    "a hundred headers": (GOOD, {f"X-Header-{n}": "x" for n in range(100)}),
    "a version that is none": (GOOD, {"Aegis-Version": "banana"}),
    "a trace that is none": (GOOD, {"traceparent": "x"}),
}


async def bodies_and_headers(report, peer):
    for what, body in REFUSED.items():
        answer = await peer.ask("add", body)
        number = (answer.headers or {}).get(NUMBER)
        report.equal(f"{what} is refused", number, "400")
        is_msgpack = answer.headers.get("Content-Type") == "application/msgpack"
        document = (msgpack.unpackb if is_msgpack else json.loads)(answer.data)
        text = document["error"].startswith("INVALID_PARAMS: ")
        report.check(f"{what} is refused with a text", text, document)
        report.equal(f"after {what}", (await peer.ask("add", GOOD)).data, b"3")
    for what, (body, headers) in ANSWERED.items():
        answer = await peer.ask("add", body, headers)
        report.equal(f"{what} is answered", answer.data, b"3")
    stats = await peer.request(f"$SRV.STATS.probe.{peer.instance}")
    endpoints = {one["name"]: one for one in json.loads(stats.data)["endpoints"]}
    add = endpoints["add"]
    expected = (2 * len(REFUSED) + len(ANSWERED), len(REFUSED))
    report.equal("all are counted", (add["num_requests"], add["num_errors"]), expected)


async def too_large(report, peer):
    try:
        await peer.ask("add", b"x" * 2 * 1024 * 1024)
        report.check("2 MB stay here", False, "it was sent")
    except errors.MaxPayloadError:
        report.check("2 MB stay here", True)


async def replies(report, peer):
    await peer.nats.publish(peer.subject("count"), b"")
    victim = f"{peer.prefix}.rpc.bank.transfer"
    answers = await peer.nats.subscribe(victim)
    for method in ("count", f"nothing.{peer.instance}"):
        await peer.nats.publish(peer.subject(method), b"", reply=victim)
        # It is sent later on the same way: its answer comes after whatever came before.
        sentinel = await peer.ask(method)
    report.check("an unknown method was refused", sentinel.headers[NUMBER] == "404", sentinel)
    report.equal("what is no inbox gets nothing", answers.pending_msgs, 0)
    count = await peer.ask("count")
    report.equal("without an inbox nothing runs", count.data, b"2")


async def unknown(report, peer):
    try:
        await peer.ask("nothing")
        report.check("nobody serves an unknown method", False, "an answer")
    except errors.NoRespondersError:
        report.check("nobody serves an unknown method", True)
    answer = await peer.ask(f"nothing.{peer.instance}")
    report.equal("an instance does not know the method", answer.headers[NUMBER], "404")
    report.equal("and says so", json.loads(answer.data)["code"], "UNKNOWN_METHOD")


async def main():
    report, peer = Report(), await Peer.connect()
    await bodies_and_headers(report, peer)
    await too_large(report, peer)
    await replies(report, peer)
    await unknown(report, peer)
    await asyncio.wait_for(peer.nats.close(), PATIENCE)
    report.end()


asyncio.run(main())
