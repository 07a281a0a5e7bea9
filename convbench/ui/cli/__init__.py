"""The command line: one short function a command, and no logic."""

from typing import Final

from typer.main import get_command_name

from convbench.ui.cli import (  # noqa: F401  each registers commands
    clock,
    comparing,
    counting,
    experiments,
    history,
    list_explain,
    predicting,
    running,
    schemas,
)
from convbench.ui.cli.app import app, main

__all__ = ["app", "main"]

COMMANDS: Final = {
    "Measure": {
        "run": "run --suite quick",
        "report": "report reports/cpu-quick --format terminal",
        "layers": "layers bottleneck --input 1x64x56x56",
        "doctor": "doctor --budget 30",
        "probe": "probe --dtype float32,bfloat16",
    },
    "Count": {
        "explain": "explain depthwise_separable --in-channels 64 --out-channels 128 --input 56x56",
        "profile": "profile torchvision.models:resnet50 --input 1x3x224x224",
        "formula": "formula torchvision.models:resnet50 --input 1x3x224x224",
        "audit": "audit --counters fvcore,torch",
    },
    "Predict": {
        "calibrate": "calibrate --budget 45",
        "predict": "predict depthwise_separable --in-channels 64 --out-channels 128 --input 56x56",
        "breakeven": "breakeven depthwise_separable --out map.png",
    },
    "Compare": {
        "compare": "compare reports/before reports/after",
        "history": "history reports",
        "replicate": "replicate shufflenetv2-g1 --budget 10",
    },
    "Look up": {
        "list": "list types",
        "schema": "schema report",
    },
}
"""Every command with an example of it, in the order and under the headings of `--help`."""

_known = {one.name or get_command_name(one.callback.__name__): one  # type: ignore[union-attr]
          for one in app.registered_commands}  # fmt: skip
app.registered_commands[:] = []
for _panel, _examples in COMMANDS.items():
    for _name, _example in _examples.items():
        _known[_name].rich_help_panel = _panel
        _known[_name].epilog = f"Example: convbench {_example}"
        app.registered_commands.append(_known[_name])
