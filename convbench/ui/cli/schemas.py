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
    profile = "profile"


@app.command()
def schema(
    name: Annotated[
        Published,
        typer.Argument(
            help="report.json, run.json, a record (one line of records.jsonl), or what "
            "`profile --format json` writes."
        ),
    ] = Published.report,
) -> None:
    """Print the JSON Schema (draft 2020-12) of a report as data, a run's files, or a profile."""
    from convbench.ui.schemas import schema_text

    typer.echo(schema_text(name.value), nl=False)
