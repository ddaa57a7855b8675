"""Sends commands to an Aegis service, and finds out what came of them, with nothing but NATS."""

import asyncio
import json
import os
import uuid

import nats
import shapes
from nats.js.errors import KeyNotFoundError
from report import Report

PREFIX = os.environ["PREFIX"]
COMMANDS = f"{PREFIX}.commands"
# The bucket `aegis_jobs`, with the prefix.
JOBS = f"{PREFIX}_aegis_jobs"


async def send(jetstream, params):
    job = str(uuid.uuid4())
    body = json.dumps(params).encode()
    headers = {"Nats-Msg-Id": job, "Aegis-Source": "python"}
    await jetstream.publish(f"{COMMANDS}.risk.value.high", body, headers=headers)
    return job


async def result(jobs, job):
    while True:
        try:
            record = json.loads((await jobs.get(job)).value)
        except KeyNotFoundError:  # No worker has taken it yet.
            record = {"state": "QUEUED"}
        if record["state"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            return record
        await asyncio.sleep(0.1)


# Every field of a record, as the page of the wire lists them.
FIELDS = {
    "id", "service", "command", "priority", "state", "sequence", "delivery", "attempt", "failures",
    "again", "worker", "created_at", "updated_at", "run_at", "started_at", "finished_at", "progress",
    "steps", "cancel", "idempotency_key", "result", "error", "dead_letter",
}


async def check(report, connection):
    jetstream = connection.jetstream()
    jobs = await jetstream.key_value(JOBS)
    job = await send(jetstream, {"book": "fx", "unknown": []})
    told = await connection.subscribe(f"{PREFIX}.jobs.{job}.*")
    record = await asyncio.wait_for(result(jobs, job), 30)
    report.equal("its fields", set(record), FIELDS)
    report.equal("its result", record["result"], "fx is valued")
    names = [record[name] for name in ("id", "service", "command", "priority")]
    report.equal("its names", names, [job, "risk", "value", "high"])
    report.equal("its attempt", (record["attempt"], record["failures"]), (1, 0))
    report.equal("its progress", record["progress"]["percent"], 50.0)
    report.equal("its steps", record["steps"], {"note": {"state": "done", "result": 7}})
    for name in ("created_at", "updated_at", "started_at", "finished_at"):
        report.check(name, shapes.is_utc(record[name]), record[name])
    await told.unsubscribe()

    # One that says nothing of itself: its place is its id.
    stored = await jetstream.publish(f"{COMMANDS}.risk.value.low", b'{"book":"rates"}')
    while not (named := [key for key in await jobs.keys() if key.startswith(f"{stored.seq}-")]):
        await asyncio.sleep(0.1)
    record = await asyncio.wait_for(result(jobs, named[0]), 30)
    report.equal("one without an id", (record["state"], record["priority"]), ("SUCCEEDED", "low"))

    # It begins in two days, unless somebody cancels it.
    headers = {"Nats-Msg-Id": "later-1", "Aegis-Source": "python", "Aegis-Delay-Ms": "172800000"}
    later = await jetstream.publish(f"{COMMANDS}.risk.value.low", b'{"book":"fx"}', headers=headers)
    while True:
        try:
            entry = await jobs.get("later-1")
            break
        except KeyNotFoundError:
            await asyncio.sleep(0.1)
    record = json.loads(entry.value)
    report.equal("it waits", (record["state"], record["attempt"]), ("QUEUED", 0))
    report.check("until then", shapes.is_utc(record["run_at"]), record["run_at"])
    record |= {"state": "CANCELLED", "cancel": True}
    await jobs.update("later-1", json.dumps(record).encode(), entry.revision)
    await connection.publish(f"{PREFIX}.jobs.later-1.state", b'{"state":"CANCELLED"}')
    removed = await jetstream.delete_msg(f"{PREFIX}_COMMANDS", later.seq)
    report.check("its message is removed", removed)

    job = await send(jetstream, {"book": 7})
    record = await asyncio.wait_for(result(jobs, job), 30)
    found = (record["state"], record["error"]["code"])
    report.equal("what cannot be read has failed", found, ("FAILED", "INVALID_PARAMS"))


async def main():
    report = Report()
    connection = await nats.connect(os.environ["NATS_URL"], allow_reconnect=False)
    await check(report, connection)
    await connection.close()
    report.end()


asyncio.run(main())
