"""Publishes events in every form that an Aegis handler reads, and reads those that Aegis publishes."""

import asyncio
import json
import os
import uuid
from datetime import datetime, timezone

import msgpack
import nats
import shapes
from nats.js.errors import BadRequestError
from report import Report

PREFIX = os.environ["PREFIX"]
EVENTS = f"{PREFIX}.events"
STREAM = f"{PREFIX}_EVENTS"
# What to do: `publish`, `read`, or `dead`.
TASK = os.environ["TASK"]


async def publish(jetstream):
    body = json.dumps({"order": 7, "cents": 990}).encode()
    headers = {"Nats-Msg-Id": "order-7-filled", "Aegis-Source": "python"}
    return await jetstream.publish(f"{EVENTS}.orders.filled", body, headers=headers)


async def handle(jetstream, count):
    orders = f"{EVENTS}.orders.>"
    place = await jetstream.pull_subscribe(orders, durable="report__count", stream=STREAM)
    taken = []
    while len(taken) < count:
        for message in await place.fetch(count - len(taken), timeout=20):
            taken.append((message.subject, message.headers or {}, json.loads(message.data)))
            await message.ack()
    return taken


def envelope(order):
    return {
        "message_id": f"sdk-{order}",
        "trace_id": str(uuid.uuid4()),
        "correlation_id": "basket-1",
        "timestamp": datetime.now(timezone.utc).isoformat(),
        "source": "python-shop",
        "target": None,
        "domain": "orders",
        "event_type": "filled",
        "payload": {"order": order, "cents": 500},
        "version": "2.0",
    }


async def check_publishing(report, jetstream):
    subject = f"{EVENTS}.orders.filled"
    stored = await publish(jetstream)
    report.equal("a plain event is stored", (stored.stream, stored.duplicate), (STREAM, None))
    again = await publish(jetstream)
    report.equal("its id is stored once", (again.seq, again.duplicate), (stored.seq, True))
    stored = await jetstream.publish(subject, json.dumps(envelope(8)).encode())
    report.check("an envelope is stored", stored.seq == again.seq + 1, stored)
    body = msgpack.packb(envelope(9))
    await jetstream.publish(subject, body, headers={"Content-Type": "application/msgpack"})
    # Says nothing of itself at all.
    stored = await jetstream.publish(subject, b'{"order":10,"cents":1,"unknown":[]}')
    headers = {"Nats-Expected-Last-Sequence": str(stored.seq - 1)}
    try:
        await jetstream.publish(subject, b'{"order":11,"cents":1}', headers=headers)
        report.check("a condition that does not hold is refused", False)
    except BadRequestError as error:
        report.equal("a condition that does not hold is refused", error.err_code, 10071)
    await jetstream.publish(f"{EVENTS}.orders.filled", b'{"order":"twelve"}')


async def check_reading(report, jetstream):
    taken = await handle(jetstream, 3)
    subjects = [subject for subject, _, _ in taken]
    expected = [f"{EVENTS}.orders.filled"] * 2 + [f"{EVENTS}.orders.closed"]
    report.equal("they come in order", subjects, expected)
    (_, plain, body), (_, wrapped, document), (_, _, closed) = taken
    report.equal("a plain body is the payload", body, {"order": 1, "cents": 100})
    report.equal("its id is that of NATS", plain.get("Nats-Msg-Id"), "orders.filled/one")
    report.equal("who said it", plain.get("Aegis-Source"), "aegis-client")
    report.equal("what it belongs to", plain.get("Aegis-Correlation-Id"), "basket-7")
    report.equal("its trace", plain.get("traceparent", "")[:3], "00-")
    report.equal("a header of the user", plain.get("Tenant"), "acme")
    report.equal("a body of another version says so", plain.get("Aegis-Event-Version"), "1.1")
    report.none("an envelope is that of the SDK", shapes.event(document))
    report.equal("its payload", document.get("payload"), {"order": 2, "cents": 200})
    names = document.get("domain"), document.get("event_type"), document.get("version")
    report.equal("its name", names, ("orders", "filled", "1.1"))
    ids = document.get("message_id"), wrapped.get("Nats-Msg-Id")
    report.equal("its id, in both places", ids, ("two", "orders.filled/two"))
    report.equal("what it belongs to, in both places", document.get("correlation_id"), "basket-7")
    report.equal("no header says what the body does", wrapped.get("Aegis-Source"), None)
    report.equal("an event without a type", closed, {"at": "17:30"})


async def check_dead_letter(report, jetstream):
    place = await jetstream.pull_subscribe(f"{PREFIX}.dead.>", stream=f"{PREFIX}_DEAD")
    (letter,) = await place.fetch(1, timeout=20)
    await letter.ack()
    said = letter.headers
    report.equal("where it stands", letter.subject, f"{PREFIX}.dead.events.orders.filled")
    report.equal("the body is as it was sent", letter.data, b'{"order":"twelve"}')
    report.equal("who gave it up", said.get("Aegis-Dead-Handler"), "probe__fill")
    report.equal("after how many attempts", said.get("Aegis-Dead-Attempts"), "1")
    report.equal("why", said.get("Aegis-Dead-Code"), "INVALID_PARAMS")
    report.check("why, in words", "cannot be read" in said.get("Aegis-Dead-Reason", ""), said)
    report.equal("where it stood", said.get("Aegis-Dead-Stream"), STREAM)
    report.equal("on which subject", said.get("Aegis-Dead-Subject"), f"{EVENTS}.orders.filled")
    report.check("its number there", said.get("Aegis-Dead-Sequence", "").isdigit(), said)
    report.check("when it was stored", shapes.is_utc(said.get("Aegis-Dead-Stored")), said)


async def main():
    report = Report()
    connection = await nats.connect(os.environ["NATS_URL"], allow_reconnect=False)
    tasks = {"publish": check_publishing, "read": check_reading, "dead": check_dead_letter}
    await tasks[TASK](report, connection.jetstream())
    await connection.close()
    report.end()


asyncio.run(main())
