"""Rows of older files, read as if they said what was then the only way; see `record.SCHEMA`."""

from __future__ import annotations

from typing import Any

from convbench.convs.base import Caveat, make
from convbench.core.errors import SpecError, UnknownNameError


def upgraded(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of any schema as one of the newest."""
    if "also" not in row:
        samples = row["samples"]
        row = {
            "mode": "eager",
            "direction": "forward",
            "cache": "warm",
            "allocator": "system",
            **row,
            "samples": [samples] if samples else [],
            "also": {},
        }
    return row if "caveat" in row else {**row, "caveat": _caveat(row)._asdict()}


def _caveat(row: dict[str, Any]) -> Caveat:
    """Return what the type gives up as it is known here: the row is older than records that say."""
    try:
        return make(row["name"], row["knobs"]).caveat if row["kind"] == "type" else Caveat()
    except (SpecError, UnknownNameError):  # a plugin's type, or one that had other knobs then
        return Caveat()
