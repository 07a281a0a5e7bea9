"""The published JSON Schemas (draft 2020-12): of a report as data, and of a run's two files."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

from convbench.core.registry import unknown

SCHEMAS: Final = {
    "report": ("convbench.report", "report.schema.json"),
    "run": ("convbench.runs", "run.schema.json"),
    "record": ("convbench.runs", "record.schema.json"),
}
"""By name: the package, and the file in its folder schemas. A record is a line of records.jsonl."""


def schema_text(name: str) -> str:
    """Return a schema as it ships; UnknownNameError for a name that is not in SCHEMAS."""
    if name not in SCHEMAS:
        raise unknown("schema", name, SCHEMAS)
    package, file = SCHEMAS[name]
    return files(package).joinpath("schemas", file).read_text(encoding="utf-8")


def schema(name: str) -> dict[str, Any]:
    """Return a schema as an object, for a validator."""
    found: dict[str, Any] = json.loads(schema_text(name))
    return found
