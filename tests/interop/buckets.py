"""Reads what Rust wrote into a bucket, and writes what Rust reads, under keys of any text."""

import asyncio
import json
import os
import re

import nats
from nats.js.errors import KeyWrongLastSequenceError
from report import Report

BUCKET = f"{os.environ['PREFIX']}_users"
# Each with what the rule of docs/subjects.md makes of it.
KEYS = {
    "user:123": "user=3A123",
    "user.123": "user.123",
    "Ann Lee": "Ann=20Lee",
    "grüße 🙂": "gr=C3=BC=C3=9Fe=20=F0=9F=99=82",
    ".a..b.": "=2Ea.=2Eb=2E",
    "a=41=zz": "a=3D41=zz",
    "": "=",
    "=": "=3D",
}


def encode(text):
    """The rule of docs/subjects.md, from its words alone."""
    if text in ("", "="):
        return {"": "=", "=": "=3D"}[text]
    data, wire = text.encode(), ""
    for at, byte in enumerate(data):
        character, rest = chr(byte), data[at + 1 :]
        if character == ".":
            stays = 0 < at < len(data) - 1 and data[at - 1 : at] != b"."
        elif character == "=":
            stays = not re.match(rb"[0-9A-F]{2}", rest)
        else:
            stays = re.fullmatch(r"[A-Za-z0-9/_-]", character)
        wire += character if stays else f"={byte:02X}"
    return wire


async def check_key(report, bucket, number, text, wire):
    report.equal(f"{text!r} on the wire", encode(text), wire)
    entry = await bucket.get(wire)
    expected = {"name": text, "visits": number}
    report.equal(f"{text!r} is read", json.loads(entry.value), expected)
    expected["visits"] += 100
    revision = await bucket.update(wire, json.dumps(expected).encode(), last=entry.revision)
    report.check(f"{text!r} is written", revision > entry.revision, revision)
    try:
        await bucket.update(wire, b"null", last=entry.revision)
        report.check(f"{text!r}: an old revision is refused", False)
    except KeyWrongLastSequenceError:
        report.check(f"{text!r}: an old revision is refused", True)


async def main():
    report = Report()
    connection = await nats.connect(os.environ["NATS_URL"], allow_reconnect=False)
    bucket = await connection.jetstream().key_value(BUCKET)
    for number, (text, wire) in enumerate(KEYS.items()):
        await check_key(report, bucket, number, text, wire)
    keys = await bucket.keys()
    report.equal("all keys are listed", sorted(keys), sorted([*KEYS.values(), "to=20delete"]))
    value = {"name": "from Python 🐍", "visits": 7}
    await bucket.create(encode("python: 1 🐍"), json.dumps(value).encode())
    await bucket.delete(encode("to delete"))
    await connection.close()
    report.end()


asyncio.run(main())
