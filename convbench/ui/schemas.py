"""The published JSON Schemas (draft 2020-12): of a report as data, and of a run's two files."""

from __future__ import annotations

import json
from importlib.resources import files
from textwrap import indent
from typing import Any, Final

from convbench.core.costs import FIELDS
from convbench.core.registry import unknown
from convbench.core.text import capital

SCHEMAS: Final = {
    "report": ("convbench.report", "report.schema.json"),
    "run": ("convbench.runs", "run.schema.json"),
    "record": ("convbench.runs", "record.schema.json"),
}
_COST: Final = '"cost": {}'
"""What stands in a file where the fields of a cost come."""
"""By name: the package, and the file in its folder schemas. A record is a line of records.jsonl."""


def schema_text(name: str) -> str:
    """Return a schema as it is published; UnknownNameError for a name that is not in SCHEMAS."""
    if name not in SCHEMAS:
        raise unknown("schema", name, SCHEMAS)
    package, file = SCHEMAS[name]
    text = files(package).joinpath("schemas", file).read_text(encoding="utf-8")
    return text.replace(_COST, f'"cost": {indent(json.dumps(_cost(), indent=2), " " * 4).lstrip()}')


def _cost() -> dict[str, Any]:
    """Return the form of a cost, from the description of its fields."""
    properties = {
        name: {
            "$ref": f"#/$defs/{'numbers' if described.kind == 'axes' else 'count'}",
            "description": f"{capital(described.note)}.",
        }
        for name, described in FIELDS.items()
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def schema(name: str) -> dict[str, Any]:
    """Return a schema as an object, for a validator."""
    found: dict[str, Any] = json.loads(schema_text(name))
    return found
