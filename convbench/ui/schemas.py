"""The published JSON Schemas (draft 2020-12): of a report, of a run's two files, of a profile."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from convbench.core.registry import unknown
from convbench.core.schema import Schemas
from convbench.counting.engine.columns import COLUMNS, column_schema
from convbench.counting.engine.counts import Counts


def _report() -> dict[str, Any]:
    from convbench.report.cases import case_schema
    from convbench.report.formats.json import TAGGED, Report

    title = "A convbench report as data: report.json"
    found = Schemas(TAGGED).whole(Report, id=f"report:{Report.schema}", title=title)
    found["$defs"]["case"] = case_schema()
    found["properties"]["data"]["items"] |= {
        "if": {"properties": {"id": {"const": "cases"}}},
        "then": {"properties": {"rows": {"items": {"$ref": "#/$defs/case"}}}},
    }
    return found


def _run() -> dict[str, Any]:
    from convbench.runs.record import SCHEMA, Header

    return Schemas().whole(Header, id=f"run:{SCHEMA}", title="Header of a convbench run: run.json")


def _record() -> dict[str, Any]:
    from convbench.runs.record import SCHEMA, More, Record

    title = "A line of records.jsonl"
    return Schemas().whole(Record | More, id=f"record:{SCHEMA}", title=title)


def _profile() -> dict[str, Any]:
    from convbench.counting.engine.profile import ProfileFile, Row

    found = Schemas().whole(
        ProfileFile, id=f"profile:{ProfileFile.schema}", title="A profile: convbench profile"
    )
    text, count = {"type": "string"}, {"type": "integer", "minimum": 0}
    found["properties"]["modules"]["items"] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["module", "kind"],
        "properties": {
            "module": text, "kind": text, **{name: column_schema(name) for name in COLUMNS}
        },
    }  # fmt: skip
    row = Row(module="", operator="", calls=0, counts=Counts()).to_json()
    found["properties"]["rows"]["items"] = {
        "type": "object",
        "additionalProperties": False,
        "required": [*row],
        "properties": {
            **{name: text if isinstance(value, str) else count for name, value in row.items()},
            "pass": {"enum": ["forward", "backward"]},
            "intensity": {"type": "number", "minimum": 0},
        },
    }
    return found


SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "report": _report,
    "run": _run,
    "record": _record,
    "profile": _profile,
}
"""By name; a record is a line of records.jsonl."""


def schema_text(name: str) -> str:
    """Return a schema as text; UnknownNameError for a name that is not in SCHEMAS."""
    return json.dumps(schema(name), ensure_ascii=False, indent=2) + "\n"


def schema(name: str) -> dict[str, Any]:
    """Return a schema as an object, for a validator; raises as `schema_text` does."""
    if name not in SCHEMAS:
        raise unknown("schema", name, SCHEMAS)
    return SCHEMAS[name]()
