"""Two instances as AegisSDK 1.0 announces them, and what it would read of an Aegis service."""

import asyncio
import json
import os

import nats
import shapes
from nats.js.errors import BucketNotFoundError
from report import Report

BUCKET = f"{os.environ['PREFIX']}_service_registry"
# The instance of the service `probe` to look for; without it there is none yet.
INSTANCE = os.environ.get("INSTANCE")
NOW = "2026-01-01T00:00:00Z"

CAMEL = {
    "serviceName": "orders",
    "instanceId": "orders-1",
    "version": "2.0.0",
    "status": "ACTIVE",
    "lastHeartbeat": NOW,
    "stickyActiveGroup": None,
    "metadata": {"start_time": NOW},
}
SNAKE = {
    "service_name": "orders",
    "instance_id": "orders-2",
    "version": "2.0.0",
    "status": "ACTIVE",
    "last_heartbeat": NOW,
    "sticky_active_group": None,
    "metadata": {"start_time": NOW},
}


async def bucket_of(connection):
    """Opens the bucket; whoever comes first makes it, and AegisSDK gives it 30 s."""
    jetstream = connection.jetstream()
    try:
        return await jetstream.key_value(BUCKET)
    except BucketNotFoundError:
        return await jetstream.create_key_value(bucket=BUCKET, ttl=30, history=1)


async def main():
    report = Report()
    connection = await nats.connect(os.environ["NATS_URL"], allow_reconnect=False)
    bucket = await bucket_of(connection)
    for number, record in enumerate((CAMEL, SNAKE), 1):
        key = f"service-instances.orders.orders-{number}"
        revision = await bucket.put(key, json.dumps(record).encode())
        report.check(f"{key} is written", revision > 0, revision)
    if INSTANCE:
        entry = await bucket.get(f"service-instances.probe.{INSTANCE}")
        record = json.loads(entry.value)
        report.none("the record has the fields of the SDK", shapes.instance(record))
        report.equal("its service", record.get("serviceName"), "probe")
        report.equal("its instance", record.get("instanceId"), INSTANCE)
        report.equal("its version", record.get("version"), "1.2.3")
        report.equal("its status", record.get("status"), "ACTIVE")
        report.equal("what the service adds", record["metadata"].get("team"), "core")
    await connection.close()
    report.end()


asyncio.run(main())
