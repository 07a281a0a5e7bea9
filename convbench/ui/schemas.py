"""The published JSON Schemas (draft 2020-12): of a report as data, and of a run's two files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from convbench.core.registry import unknown


def _report() -> dict[str, Any]:
    from convbench.core.schema import Schemas
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
    from convbench.core.schema import Schemas
    from convbench.runs.record import SCHEMA, Header

    return Schemas().whole(Header, id=f"run:{SCHEMA}", title="Header of a convbench run: run.json")


def _record() -> dict[str, Any]:
    from convbench.core.schema import Schemas
    from convbench.runs.record import SCHEMA, More, Record

    title = "A line of records.jsonl"
    return Schemas().whole(Record | More, id=f"record:{SCHEMA}", title=title)


SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "report": _report,
    "run": _run,
    "record": _record,
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
