"""What people rely on: every command with its options, every name, every format.

A change of structure loses none of these. What is taken away on purpose is taken from here, and
said in the changelog.
"""

import pytest
import typer.main

import convbench
import convbench.testing
from convbench.convs.base import TYPES
from convbench.networks.base import NETWORKS
from convbench.report.renderers import RENDERERS, SCREENS
from convbench.runs.suite import BUILT_IN
from convbench.ui.cli import app

APP = typer.main.get_command(app)
COMMANDS = {
    "calibrate": "--budget --out --seed --threads",
    "predict": "--any-machine --arg --batch --bias --block --calibration --dilation --in-channels "
    "--input --kernel --knob --layout --model --out-channels --padding --scale --stride --threads "
    "--trust KIND",
    "breakeven": "--any-machine --batches --block --calibration --channels --kernel --knob "
    "--layout --measured --out --sizes --threads --vs KIND",
    "profile": "--arg --backward --budget --depth --explain-counter --format --input --out "
    "--strict --threads --time --trust MODEL",
    "formula": "--arg --dynamic --input --trust MODEL",
    "audit": "--cases --counters --jobs --list --out --quiet -q",
    "doctor": "--budget --device --json --threads",
    "probe": "--budget --device --dtype --json --threads",
    "layers": "--arg --budget --input --seed --threads --trust MODEL",
    "compare": "--absolute --allow --by --drift --gate --markdown --partial --strict --threshold "
    "LEFT RIGHT",
    "history": "--case --out --threshold FOLDER",
    "list": "--example WHAT",
    "explain": "--batch --bias --block --budget --device --dilation --dispatch --in-channels "
    "--input --kernel --knob --out-channels --padding --scale --stride --vs KIND",
    "run": "--allocator --budget --cache --device --direction --dry-run --dtype --force --layout "
    "--mode --only --out --processes --quiet --resume --seed --stopwatch --suite --threads "
    "--timeout -q",
    "replicate": "--budget --device --json --out --processes --threads NAME",
    "report": "--columns --figures --format --out --table FOLDER",
    "schema": "NAME",
}
NAMES = {
    "convbench": "ConvSpec build compare cost count formula load_run measure predict profile sweep",
    "convbench.testing": "CLAUSES COUNTS LITERAL_LIMIT SYMBOLIC_COUNTS Built CannotTellError "
    "Faster assert_cost_at_most assert_faster assert_multiplications check_arrays check_conv "
    "check_conv_in check_symbols compare_speed draw_slot judge",
    "types": "bottleneck depthwise depthwise_separable dilated dynamic flattened ghost grouped "
    "inverted_residual lite partial pointwise pointwise_grouped resize_conv shuffled_grouped "
    "shufflenet_unit spatially_separable standard subpixel transposed",
    "networks": "osnet_ibn_x1_0 osnet_x0_25 osnet_x0_5 osnet_x0_75 osnet_x1_0 osnet_x1_0_fullconv",
    "formats": "csv html json latex markdown parquet terminal",
    "suites": "default example full gpu quick",
}
FOUND = {
    "convbench": convbench.__all__,
    "convbench.testing": convbench.testing.__all__,
    "types": TYPES,
    "networks": NETWORKS,
    "formats": [*RENDERERS, *SCREENS],
    "suites": BUILT_IN,
}


def options(command):
    return {
        word
        for item in command.params
        for word in (item.opts if item.param_type_name == "option" else [item.name.upper()])
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_its_options(command):
    assert set(COMMANDS[command].split()) <= options(APP.commands[command])


def test_help_names_every_command(convbench):
    text = convbench("--help").stdout
    for command in {*COMMANDS, *APP.commands}:
        assert f"│ {command} " in text
    assert {"--plugin", "--version"} <= options(APP)


@pytest.mark.parametrize("what", NAMES)
def test_names_are_there(what):
    assert set(NAMES[what].split()) <= set(FOUND[what])


@pytest.mark.parametrize("name", convbench.__all__)
def test_a_public_name_can_be_imported(name):
    assert callable(getattr(convbench, name))
