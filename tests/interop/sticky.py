"""The sticky pattern of AegisSDK 1.0 with nats-py: ask, and ask again while nobody is active."""

import asyncio
import json
import os
import time
import uuid
from datetime import datetime, timezone

import nats
from nats.errors import NoRespondersError
from report import Report

PREFIX, STANDBY = os.environ["PREFIX"], os.environ["STANDBY"]
SUBJECT = f"{PREFIX}.rpc.ledger.post"


def envelope():
    return json.dumps({
        "message_id": str(uuid.uuid4()),
        "trace_id": str(uuid.uuid4()),
        "correlation_id": None,
        "timestamp": datetime.now(timezone.utc).isoformat(),
        "source": "python",
        "target": "ledger",
        "method": "post",
        "params": {},
        "timeout": 5.0,
    }).encode()


async def sticky(client, tries=200):
    """The answer of the leader: nothing ran as long as nobody is active."""
    for _ in range(tries):
        try:
            answer = json.loads((await client.request(SUBJECT, envelope(), timeout=5)).data)
        except NoRespondersError:
            await asyncio.sleep(0.05)
            continue
        if answer["success"]:
            return answer["result"]
        if not (answer["error"] or "").startswith("NOT_ACTIVE"):
            raise RuntimeError(answer["error"])
        await asyncio.sleep(0.05)
    raise RuntimeError("nobody became active")


async def main():
    report = Report()
    client = await nats.connect(os.environ["NATS_URL"])
    first = await sticky(client)
    report.equal("the leader answers, not the standby", first["by"] != STANDBY, True)

    answer = await client.request(f"{SUBJECT}.{STANDBY}", envelope(), timeout=5)
    body = json.loads(answer.data)
    report.equal("a standby fails the call", (body["success"], body["result"]), (False, None))
    report.equal("and says why", body["error"].split(":")[0], "NOT_ACTIVE")
    report.equal("in a header too", answer.headers["Nats-Service-Error-Code"], "503")
    fields = {"message_id", "trace_id", "correlation_id", "timestamp", "source", "target",
              "success", "result", "error"}
    report.equal("without a field that the SDK refuses", set(body) - fields, set())

    # Hand over in the middle of calls: every one is answered.
    until, answers = time.monotonic() + 20, [first]
    asked = 0
    while time.monotonic() < until and answers[-1]["by"] != STANDBY:
        last = answers[-1]
        # On a machine that is busy the same one may lead again.
        if last["epoch"] > asked:
            asked = last["epoch"]
            step_down = f"{PREFIX}.rpc.ledger.-step-down.{last['by']}"
            answer = await client.request(step_down, b"", timeout=5)
            ended = json.loads(answer.data)
            report.equal("the leader steps down", ended, {"epoch": asked})
        answers.append(await sticky(client))
    report.equal("the standby leads", answers[-1]["by"], STANDBY)
    epochs = [answer["epoch"] for answer in answers]
    report.equal("epochs grow", epochs, sorted(epochs))
    report.equal("the new one is greater", epochs[-1] > first["epoch"], True)
    await client.close()
    report.end()


asyncio.run(main())
