"""`schema`: the published form of the files."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from convbench.ui.cli.app import app


class Published(StrEnum):
    """What `convbench schema` can print."""

    report = "report"
    run = "run"
    record = "record"


@app.command()
def schema(
    name: Annotated[
        Published,
        typer.Argument(help="report.json, run.json, or a record: one line of records.jsonl."),
    ] = Published.report,
) -> None:
    """Print the JSON Schema (draft 2020-12) of a report as data, or of a run's files."""
    from convbench.ui.schemas import schema_text

    typer.echo(schema_text(name.value), nl=False)
