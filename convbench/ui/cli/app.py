"""The application: options of every command, and how it ends. Imports no torch by itself."""

from __future__ import annotations

import io
import sys
import time
from typing import Annotated

import typer
from rich.console import Console

from convbench.core.errors import ConvbenchError
from convbench.core.serialization import harmless
from convbench.core.version import __version__
from convbench.report.document import Document

BEGAN = time.perf_counter()
"""When the command began, as nearly as it can know: a run's budget is of all of it."""
NOTHING_MEASURED = 1
USAGE_ERROR = 2
INTERRUPTED = 130

app = typer.Typer(
    name="convbench",
    help="What a convolution costs: derived by formula, counted from the program, timed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
PLUGINS: list[str] = []


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"convbench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE.py|MODULE", help="Import types of your own first; repeatable."),
    ] = None,
    version: Annotated[  # noqa: ARG001, FBT002  the callback of the option does the work
        bool,
        typer.Option(
            "--version",
            callback=lambda value: _version(wanted=value),
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Say what a convolution costs, three ways, and where they disagree, why."""
    from convbench.core.plugins import load_plugin

    PLUGINS[:] = plugin or []
    for name in PLUGINS:
        load_plugin(name)


def split(text: str | None) -> tuple[str, ...] | None:
    """Read a list with commas; None stays None."""
    if text is None:
        return None
    return tuple(part.strip() for part in text.split(",") if part.strip())


def say(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print a text in which names of others may stand: nothing in it steers the terminal."""
    typer.echo(harmless(str(text)), err=err, nl=nl)


def show(document: Document) -> None:
    """Print a document, as wide as the terminal is."""
    from convbench.report.formats.terminal import print_document

    print_document(document, Console(highlight=False))


def main() -> None:
    """Run the command line: errors a user can cause end in one message and status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="replace"
            )  # a terminal that cannot show × still gets the rest
    try:
        app()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # nobody reads on: `convbench list | head`
            sys.exit(0)
        raise
    except ConvbenchError as error:
        say(f"convbench: {error}", err=True)
        sys.exit(USAGE_ERROR)
    except OSError as error:
        why = error.strerror or error
        if error.filename is None:
            say(f"convbench: {why}: nothing more could be written.", err=True)
        else:
            say(f"convbench: {error.filename!r:.200}: {why}: give another path.", err=True)
        sys.exit(USAGE_ERROR)
