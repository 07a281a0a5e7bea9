"""The command line: one short function a command, and no logic."""

from convbench.ui.cli import (  # noqa: F401  each registers commands
    clock,
    comparing,
    counting,
    history,
    list_explain,
    running,
    schemas,
)
from convbench.ui.cli.app import app, main

__all__ = ["app", "main"]
