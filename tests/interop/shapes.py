"""What documents must look like: each function returns a list of mistakes.

The shapes of NATS micro follow ADR-32, revision 6; those of the envelope follow AegisSDK 1.0,
whose models refuse fields that they do not know.
"""

import re
import uuid

NAME = re.compile(r"[A-Za-z0-9_-]+")
VERSION = re.compile(
    r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}"
    r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
UTC = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,9})?Z")
INT64 = range(0, 2**63)


def is_text(value):
    return isinstance(value, str)


def is_text_or_none(value):
    return value is None or is_text(value)


def is_name(value):
    return is_text(value) and NAME.fullmatch(value)


def is_subject(value):
    return is_text(value) and value and not re.search(r"[\s*>]|\.\.|^\.|\.$", value)


def is_count(value):
    return type(value) is int and value in INT64


def is_metadata(value):
    return isinstance(value, dict) and all(map(is_text, value.values()))


def is_utc(value):
    return is_text(value) and UTC.fullmatch(value)


def is_uuid(value):
    try:
        return str(uuid.UUID(value)) == value
    except (ValueError, AttributeError, TypeError):
        return False


def shape(document, fields):
    """Exactly these fields, each as its function says."""
    if not isinstance(document, dict):
        return [f"not a map: {document!r}"]
    mistakes = [f"unknown field {name}" for name in document.keys() - fields.keys()]
    mistakes += [f"missing field {name}" for name in fields.keys() - document.keys()]
    for name in fields.keys() & document.keys():
        if not fields[name](document[name]):
            mistakes.append(f"{name} is {document[name]!r}")
    return mistakes


def identity(kind):
    return {
        "type": lambda value: value == f"io.nats.micro.v1.{kind}_response",
        "name": is_name,
        "id": is_text,
        "version": lambda value: is_text(value) and VERSION.fullmatch(value),
        "metadata": is_metadata,
    }


ADDRESS = {"name": is_name, "subject": is_subject, "queue_group": is_text}


def list_of(fields):
    return lambda value: isinstance(value, list) and not any(shape(one, fields) for one in value)


def ping(document):
    return shape(document, identity("ping"))


def info(document):
    endpoint = {**ADDRESS, "metadata": is_metadata}
    further = {"description": is_text, "endpoints": list_of(endpoint)}
    return shape(document, {**identity("info"), **further})


def stats(document):
    endpoint = {
        **ADDRESS,
        "num_requests": is_count,
        "num_errors": is_count,
        "last_error": is_text,
        "processing_time": is_count,
        "average_processing_time": is_count,
        "data": lambda value: isinstance(value, dict),
    }
    further = {"started": is_utc, "endpoints": list_of(endpoint)}
    return shape(document, {**identity("stats"), **further})


COMMON = {
    "message_id": is_uuid,
    "trace_id": is_text,
    "correlation_id": is_text_or_none,
    "timestamp": is_utc,
    "source": is_text_or_none,
    "target": is_text_or_none,
}


def request(document):
    further = {
        "method": is_text,
        "params": lambda value: isinstance(value, dict),
        "timeout": lambda value: type(value) is float and value > 0,
    }
    return shape(document, {**COMMON, **further})


def response(document, extended=False):
    fields = {
        **COMMON,
        "success": lambda value: type(value) is bool,
        "result": lambda value: True,
        "error": is_text_or_none,
    }
    if extended:
        fields["code"] = lambda value: is_text(value) and re.fullmatch("[A-Z][A-Z0-9_]*", value)
        fields["message"] = is_text
        fields["details"] = lambda value: True
        fields["retryable"] = lambda value: type(value) is bool
    mistakes = shape(document, fields)
    if not mistakes and document["success"] != (document["error"] is None):
        mistakes.append("error is null exactly when it is a success")
    return mistakes


def event(document):
    further = {
        "domain": is_name,
        "event_type": is_text,
        "payload": lambda value: True,
        "version": is_text,
    }
    # The id of an event may be its publisher's own.
    return shape(document, {**COMMON, "message_id": is_text, **further})


def instance(document):
    """A record of the registry. Its metadata may have anything beside `start_time`."""
    fields = {
        "serviceName": is_name,
        "instanceId": is_name,
        "version": lambda value: is_text(value) and VERSION.fullmatch(value),
        "status": lambda value: value in ("ACTIVE", "STANDBY", "UNHEALTHY", "SHUTDOWN"),
        "lastHeartbeat": is_utc,
        "stickyActiveGroup": is_text_or_none,
        "metadata": lambda value: isinstance(value, dict) and is_utc(value.get("start_time")),
    }
    return shape(document, fields)
