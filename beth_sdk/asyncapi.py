"""The AsyncAPI 3.0 document of a team: every topic, who sends and who receives what, from the schemas and manifests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from beth_sdk.manifest import Manifest
from beth_sdk.messages import CONTRACT_VERSION, MAX_MESSAGE_BYTES
from beth_sdk.schema import schema

MESSAGES = ("task", "result", "event", "control")

RESULTS, EVENTS = "results.beth", "events"
"""Topics that every team has."""

REPLY = "reply"
"""The channel without an address of its own: the topic that a task's `reply_to` names."""

_JSON = "application/json"
_SCHEMAS = "#/components/schemas/"


def document(manifests: Iterable[Manifest]) -> dict[str, Any]:
    """The AsyncAPI document for the agents with these manifests, from the point of view of the agents.

    Of two manifests of one role, the first counts.
    """
    roles = {manifest.role: manifest for manifest in reversed(list(manifests))}
    team = [roles[role] for role in sorted(roles)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Beth",
            "version": CONTRACT_VERSION,
            "description": "The topics of a team of agents on Beth's message bus, and the messages on them.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": _JSON,
        "channels": _channels(team),
        "operations": _operations(team),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


# -- channels and operations ------------------------------------------------------------------


def _channels(team: Iterable[Manifest]) -> dict[str, Any]:
    channels = {
        RESULTS: _channel(RESULTS, "result", "The results that Beth waits for."),
        REPLY: _channel(None, "result", "The topic that the task's `reply_to` names."),
        EVENTS: _channel(EVENTS, "event", "Progress that anybody may watch, in order within a request."),
    }
    for manifest in team:
        for queue in manifest.queues:
            alias = queue in manifest.aliases
            about = f"Another name of `tasks.{manifest.role}`." if alias else manifest.description
            channels[queue] = _channel(queue, "task", about)
            channels[dead(queue)] = _channel(dead(queue), "dead_letter", f"What `{queue}` gave up on, kept for good.")
        control = f"control.{manifest.role}"
        channels[control] = _channel(control, "control", f"Nudges for everybody who plays `{manifest.role}`.")
    return dict(sorted(channels.items()))


def dead(queue: str) -> str:
    """The topic of a queue's dead letters."""
    return f"{queue}.dead"


def _channel(address: str | None, message: str, description: str) -> dict[str, Any]:
    return {
        "address": address,
        "description": description,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }


def _operations(team: Iterable[Manifest]) -> dict[str, Any]:
    operations = {
        "send-result": _operation("send", RESULTS, "result", "Say what a task ended in, or what it waits for."),
        "send-event": _operation("send", EVENTS, "event", "Say how far a task is."),
    }
    for manifest in team:
        for queue in manifest.queues:
            take = _operation("receive", queue, "task", f"Take a task for {manifest.role}.")
            take["reply"] = {
                "address": {"location": "$message.payload#/reply_to", "description": "Where the result goes."},
                "channel": {"$ref": f"#/channels/{REPLY}"},
                "messages": [{"$ref": f"#/channels/{REPLY}/messages/result"}],
            }
            operations[f"take-{queue}"] = take
            operations[f"bury-{queue}"] = _operation(
                "send", dead(queue), "dead_letter", "Keep a task that used up its attempts, or bytes that are no task."
            )
        operations[f"obey-{manifest.role}"] = _operation(
            "receive", f"control.{manifest.role}", "control", "Look into the journal for what was decided."
        )
    return dict(sorted(operations.items()))


def _operation(action: str, channel: str, message: str, summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }


# -- messages and schemas ---------------------------------------------------------------------

_TRACE = {
    "traceparent": {
        "type": "string",
        "description": "W3C Trace Context: one trace runs through every hop of a request.",
        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
    }
}
_CONTENT_TYPE = {"content-type": {"type": "string", "const": _JSON}}
_JOURNAL = {
    "beth-journal": {
        "type": "string",
        "description": "The id of the journal in which the task is held; a worker on another journal refuses it.",
    }
}
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "task": _CONTENT_TYPE | _TRACE | _JOURNAL,
    "result": _CONTENT_TYPE | _TRACE,
    "event": _CONTENT_TYPE | _TRACE,
    "control": _CONTENT_TYPE,
}

DEAD_LETTER: Mapping[str, Any] = {
    "title": "Dead letter",
    "description": "A fact about what a queue gave up on: `dead` first, then perhaps `redriven` or `dropped`.",
    "type": "object",
    "required": ["fact", "key", "at"],
    "properties": {
        "fact": {"description": "What happened.", "enum": ["dead", "redriven", "dropped"]},
        "key": {"description": "`id:continuation` of the task; of bytes that are no task, a digest.", "type": "string"},
        "at": {"description": "When it happened.", "type": "string", "format": "date-time"},
        "reason": {"description": "Why the task is dead, in words for people.", "type": "string"},
        "history": {"description": "Every attempt.", "type": "array", "items": {"type": "object"}},
        "error": {"description": "The last error, as in a result.", "type": ["object", "null"]},
        "body": {"description": "The bytes as they came, in base64.", "type": "string", "contentEncoding": "base64"},
        "headers": {"description": "The headers as they came.", "type": "object"},
        "parsed": {"description": "Whether the bytes are a task.", "type": "boolean"},
    },
}


def _messages() -> dict[str, Any]:
    messages: dict[str, Any] = {}
    for name in MESSAGES:
        whole = schema(name)
        messages[name] = {
            "name": name,
            "title": whole["title"],
            "summary": f"{whole['title']}, at most {MAX_MESSAGE_BYTES:,} bytes.",
            "contentType": _JSON,
            "headers": {"type": "object", "properties": dict(_HEADERS[name])},
            "payload": {"$ref": f"{_SCHEMAS}{name}"},
        }
    messages["dead_letter"] = {
        "name": "dead_letter",
        "title": DEAD_LETTER["title"],
        "summary": DEAD_LETTER["description"],
        "contentType": _JSON,
        "payload": {"$ref": f"{_SCHEMAS}dead_letter"},
    }
    return messages


def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = {"dead_letter": dict(DEAD_LETTER)}
    for name in MESSAGES:
        whole = schema(name)
        schemas[name] = _draft_07({key: value for key, value in whole.items() if not key.startswith("$")})
        # What several messages define under one name is the same; the contract's tests see to that.
        schemas |= {key: _draft_07(value) for key, value in whole["$defs"].items()}
    return dict(sorted(schemas.items()))


def _draft_07(rule: Any) -> Any:
    """A schema in the dialect of AsyncAPI's own schemas, in which nothing beside a `$ref` counts."""
    if isinstance(rule, list):
        return [_draft_07(one) for one in rule]
    if not isinstance(rule, dict):
        return rule
    rest = {key: _draft_07(value) for key, value in rule.items() if key != "$ref"}
    if "$ref" not in rule:
        return rest
    reference = {"$ref": rule["$ref"].replace("#/$defs/", _SCHEMAS)}
    return {**rest, "allOf": [reference]} if rest else reference
