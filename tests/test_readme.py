"""The README's examples run, and its excerpt is what the committed report says."""

import re
import subprocess
import sys

from code_blocks import Story, blocks
from conftest_root import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_block_of_the_readme_runs(monkeypatch, tmp_path):
    done = Story("README.md", tmp_path, monkeypatch).run(blocks(README))
    assert done["sessions"] >= 3
    assert done["examples"] > 20
    assert done["commands"] > 15
    assert done["excused"] == 0


def test_the_type_to_begin_with_keeps_the_contract(tmp_path):
    """In a process of its own, so that the registry here stays as it is."""
    (code,) = [block.code for block in blocks(README) if "@register" in block.code]
    (tmp_path / "my_type.py").write_text(code)
    check = (
        "from convbench.core.plugins import load_plugin\n"
        "load_plugin('my_type.py')\n"
        "from convbench.testing import check_conv\n"
        "assert check_conv('my_type', examples=20)['slots'] == 20\n"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    subprocess.run([sys.executable, "-c", check], cwd=tmp_path, env=environment, check=True)


def test_the_excerpt_is_the_committed_reports():
    excerpt = re.search(r"<!-- excerpt -->\n(.*?)<!-- /excerpt -->", README, flags=re.DOTALL)
    report = (ROOT / "reports/cpu-quick/report.md").read_text(encoding="utf-8")
    quoted = [line[2:] for line in excerpt[1].splitlines() if line.startswith("> ") and line[2:]]
    assert len(quoted) >= 4
    for line in quoted:
        assert line in report


def test_the_committed_report_is_what_the_run_gives(tmp_path):
    """Rendered again from disk, the same bytes (but for figures, which depend on the fonts)."""
    from convbench import load_run
    from convbench.report.write import write_report

    folder = ROOT / "reports/cpu-quick"
    for path in write_report(load_run(folder), tmp_path, ("markdown", "csv")):
        if path.suffix != ".png":
            assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes(), path


def test_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
