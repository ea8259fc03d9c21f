"""Protocols as JSON values, and back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from comma_data.protocol import Operation, Protocol


def protocol_to_json(protocol: Protocol) -> dict[str, Any]:
    """The protocol as JSON values."""
    return asdict(protocol)


def protocol_from_json(document: Mapping[str, Any]) -> Protocol:
    """The protocol that `protocol_to_json` wrote, also after it went through JSON text.

    Raises:
        TypeError: A key is missing or unknown.
    """
    operations = tuple(_operation(o) for o in document["operations"])
    amounts = tuple((name, moles) for name, moles in document["amounts"])
    rest = {**document, "precursors": tuple(document["precursors"]), "operations": operations, "amounts": amounts}
    return Protocol(**rest)


def _operation(document: Mapping[str, Any]) -> Operation:
    lists = ("temperatures", "hours", "atmospheres", "media")
    return Operation(**{**document, **{name: tuple(document[name]) for name in lists}})
