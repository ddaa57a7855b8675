"""Finds an Aegis service by NATS micro, and checks what it says about itself."""

import asyncio
import json

import shapes
from peer import PATIENCE, Peer
from report import Report

SHAPES = {"PING": shapes.ping, "INFO": shapes.info, "STATS": shapes.stats}


async def answer_of_instance(peer, subject):
    """The answer of the instance under test; others may answer as well."""
    inbox = peer.nats.new_inbox()
    answers = await peer.nats.subscribe(inbox)
    await peer.nats.publish(subject, b"", reply=inbox)
    while True:
        message = await answers.next_msg(timeout=PATIENCE)
        document = json.loads(message.data)
        if document["id"] == peer.instance:
            await answers.unsubscribe()
            return document


async def check_verb(report, peer, verb):
    for subject in (
        f"$SRV.{verb}",
        f"$SRV.{verb}.probe",
        f"$SRV.{verb}.probe.{peer.instance}",
    ):
        document = await answer_of_instance(peer, subject)
        report.none(f"{subject} has the right shape", SHAPES[verb](document))
        report.equal(f"{subject} names the service", document["name"], "probe")
        report.equal(f"{subject} has the version", document["version"], "1.2.3")
        report.equal(f"{subject} has metadata", document["metadata"]["team"], "core")
    return document


async def main():
    report, peer = Report(), await Peer.connect()
    await check_verb(report, peer, "PING")

    info = await check_verb(report, peer, "INFO")
    endpoints = {endpoint["name"]: endpoint for endpoint in info["endpoints"]}
    report.equal("the endpoint's subject", endpoints["add"]["subject"], peer.subject("add"))
    report.equal("the queue group", endpoints["add"]["queue_group"], "rpc.probe")
    answer = await peer.request(endpoints["add"]["subject"], b'{"a":1,"b":2}')
    report.equal("the subject of INFO can be called", answer.data, b"3")
    await peer.ask("add", b"nonsense")

    stats = await check_verb(report, peer, "STATS")
    endpoints = {endpoint["name"]: endpoint for endpoint in stats["endpoints"]}
    add = endpoints["add"]
    report.equal("requests are counted", (add["num_requests"], add["num_errors"]), (2, 1))
    report.check(
        "the last error has number and text",
        add["last_error"].startswith("400:INVALID_PARAMS: "),
        add["last_error"],
    )
    average = add["processing_time"] // 2
    report.equal("the average is the total by the number", add["average_processing_time"], average)
    report.equal("nothing failed yet", endpoints["divide"]["last_error"], "")
    await peer.nats.close()
    report.end()


asyncio.run(main())
