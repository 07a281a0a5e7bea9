"""The command line: one short function a command, and no logic."""

from convbench.cli import clock, comparing, counting, history, looking, running  # noqa: F401  each registers commands
from convbench.cli.app import app, main

__all__ = ["app", "main"]
