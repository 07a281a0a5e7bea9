"""The page about pytest: its tests run, its options are options."""

import re

from conftest_root import ROOT

PAGE = (ROOT / "docs" / "pytest.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_every_test_of_the_page_runs(run, script):
    script({"a": 0.001, "b": 0.0025})
    files = {f"test_page_{number}": text for number, text in enumerate(blocks("python"))}
    assert len(files) == 3
    result = run("", "--convbench", "--strict-markers", **files)
    result.assert_outcomes(passed=4)
    line = "holds        time of b / a 2.500 *test_page_1.py::test_depthwise_pays_here"
    result.stdout.fnmatch_lines([line])


def test_every_option_of_the_page_is_one(run):
    words = set(re.findall(r"--convbench[a-z-]*", PAGE))
    assert words == {"--convbench", "--convbench-out", "--convbench-strict"}
    shown = run("", "--help").stdout.str()
    assert all(word in shown for word in words)
