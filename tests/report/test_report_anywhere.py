"""Every format is the same bytes, made anywhere from the run's folder alone, and without torch."""

import io
import os
import subprocess
import sys

import pytest
from conftest_root import ROOT
from rich.console import Console

from convbench.report.renderers import RENDERERS, SCREENS
from convbench.report.write import ALL, print_report, write_report
from convbench.runs.store import load

QUICK = ROOT / "reports" / "cpu-quick"
BLOCKED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "fvcore", "timm"}:
            raise ImportError(f"{name} is not on this machine")

sys.meta_path.insert(0, Absent())
from convbench.ui.cli import main
main()
"""
PLACES = [
    # (what differs, environment)
    ("one", {"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LANG": "C", "LC_ALL": "C"}),
    ("other", {"PYTHONHASHSEED": "4242", "TZ": "America/Lima", "LANG": "de_DE.UTF-8",
               "LC_ALL": "tr_TR.UTF-8", "MPLBACKEND": "svg", "SOURCE_DATE_EPOCH": "1"}),
]  # fmt: skip


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Return what this process makes of the committed run: its files, and its pages."""
    out = tmp_path_factory.mktemp("here")
    run = load(QUICK)
    write_report(run, out, [ALL])
    pages = {}
    for name in SCREENS:
        screen = io.StringIO()
        print_report(run, [name], Console(file=screen, width=80, highlight=False))
        pages[name] = screen.getvalue()
    return tree(out), pages


@pytest.mark.parametrize(("place", "environment"), PLACES, ids=[row[0] for row in PLACES])
def test_every_format_is_made_again_without_torch(here, tmp_path, place, environment):
    files, pages = here
    elsewhere = tmp_path / place
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCKED, "report", str(QUICK),
         "--format", ",".join([ALL, *SCREENS]), "--out", "out"],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "80",
             **environment},
        capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b"", "an extra is missing, or something warned"
    found = tree(elsewhere / "out")
    assert set(found) == set(files)
    different = [name for name, data in files.items() if found[name] != data]
    assert not different
    said = done.stdout.decode().replace("\r\n", "\n")
    assert said.endswith("".join(pages.values()))
    assert said.count("\n") == len(files) + "".join(pages.values()).count("\n")


def test_the_formats_that_were_compared_are_all_there_are(here):
    files, pages = here
    assert {"markdown", "csv", "json", "latex", "parquet"} <= set(RENDERERS)
    assert set(pages) == set(SCREENS) == {"terminal"}
    endings = {name.rpartition(".")[2] for name in files}
    assert {"md", "csv", "json", "tex", "pdf", "png", "parquet"} <= endings
