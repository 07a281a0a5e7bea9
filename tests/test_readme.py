"""The README's examples run, and its excerpt is what the committed report says."""

import re

import pytest
from code_blocks import Story, blocks
from conftest_root import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("auto_is_the_cpu", "drawn_once")
def test_every_block_of_the_readme_runs(monkeypatch, tmp_path):
    done = Story("README.md", tmp_path, monkeypatch).run(blocks(README))
    assert (done["sessions"], done["commands"], done["excused"]) == (1, 9, 0)
    assert done["examples"] >= 6


def test_the_readme_is_read_in_two_minutes():
    """A manual belongs into docs/; what the report is quoted for may grow and shrink."""
    own = re.sub(r"<!-- excerpt -->.*<!-- /excerpt -->|```.*?```", "", README, flags=re.DOTALL)
    assert len(own.split()) <= 400


def test_the_excerpt_is_the_committed_reports():
    excerpt = re.search(r"<!-- excerpt -->\n(.*?)<!-- /excerpt -->", README, flags=re.DOTALL)
    report = (ROOT / "reports/cpu-quick/report.md").read_text(encoding="utf-8")
    quoted = [line[2:] for line in excerpt[1].splitlines() if line.startswith("> ") and line[2:]]
    assert len(quoted) >= 4
    for line in quoted:
        assert line in report


@pytest.mark.usefixtures("drawn_once")
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
