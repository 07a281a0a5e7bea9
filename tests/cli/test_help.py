"""`--help`: groups of commands, defaults, examples; completion; pipes that are closed early."""

import os
import shlex
import subprocess
import sys

import pytest
import typer.main
from conftest_root import ROOT

from convbench.ui.cli import COMMANDS, app

APP = typer.main.get_command(app)
EXAMPLES = {name: example for panel in COMMANDS.values() for name, example in panel.items()}


def test_run_comes_first_and_every_command_stands_in_a_group(convbench):
    text = convbench("--help").stdout
    places = [text.index(f"─ {panel} ─") for panel in COMMANDS]
    assert places == sorted(places)
    assert next(iter(APP.commands)) == "run"
    assert set(APP.commands) == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_command_is_one(convbench, name):
    command, *words = shlex.split(EXAMPLES[name])
    assert command == name
    with APP.commands[name].make_context(name, words) as context:
        assert context.params
    help_text = " ".join(convbench(name, "--help").stdout.split())
    assert f"Example: convbench {EXAMPLES[name]}" in help_text


@pytest.mark.parametrize(
    ("command", "default"),
    [
        ("run", "reports/<device>-<suite>"), ("run", "auto: the GPU if there is one"),
        ("run", "as the suite says; float32, on a GPU tf32,bfloat16"), ("report", "RUN"),
        ("compare", "5%"), ("history", "5%"), ("audit", "reports/counter-audit"),
        ("doctor", "10.0"),
        ("explain", "standard; upsampling: transposed"),
    ],
)  # fmt: skip
def test_help_shows_defaults(convbench, command, default):
    text = " ".join(convbench(command, "--help").stdout.replace("│", " ").split())
    assert f"[default: ({default})]" in text or f"[default: {default}]" in text


def test_no_help_text_is_taken_for_markup():
    """`[default: …]` in a help text is a tag of rich's: it is swallowed."""
    for command in APP.commands.values():
        for item in command.params:
            assert "[default" not in (getattr(item, "help", None) or "")


def test_a_shell_can_complete(monkeypatch, capsys):
    monkeypatch.setenv("_CONVBENCH_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "convbench com")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        APP.main(args=[], prog_name="convbench")
    assert capsys.readouterr().out.split() == ["compare"]


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes of this kind there")
@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "networks"],
        ["list", "suites", "--example"],
        ["report", ROOT / "reports" / "cpu-quick", "--format", "terminal"],
    ],
    ids=lambda words: words[0],
)
def test_a_pipe_that_is_closed_early_is_no_error(arguments):
    """Its reading end is closed before anything is written: no race with a reader."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "convbench", *map(str, arguments)], stdout=writing,
        stderr=subprocess.PIPE, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
