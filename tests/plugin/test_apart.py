"""pytest in a process of its own: what loading costs, xdist, and one real measurement."""

import tomllib

import pytest
from conftest_root import ROOT

from convbench import load_run

HEAVY = ("torch", "numpy", "pandas", "scipy", "sympy", "matplotlib", "rich", "typer", "fvcore")


def test_loading_the_plugin_imports_nothing_heavy_and_registers_no_hook_that_runs_per_test(apart):
    done = apart(
        f"""
        import sys
        def test_nothing_heavy(request):
            assert [name for name in {HEAVY} if name in sys.modules] == []
            assert [name for name in sys.modules if name.startswith("convbench.") and
                    not name.startswith("convbench.pytest_plugin")] == [
                    "convbench.core", "convbench.core.notebook_views", "convbench.core.version",
                    "convbench.core.errors"]
            ours = request.config.pluginmanager.get_plugins()
            assert not [p for p in ours if type(p).__module__.startswith("convbench")]
        """,
        "-p", "no:benchmark", "-p", "no:hypothesispytest", "-p", "no:xdist",
    )  # fmt: skip
    done.assert_outcomes(passed=1)


def test_the_entry_point_is_the_plugin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"convbench": "convbench.pytest_plugin"}


def test_installed_it_loads_itself(pytester, monkeypatch):
    """As pip leaves it: a folder of metadata on the path, with the entry point."""
    known = pytester.mkdir("like_installed-1.dist-info")
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: like-installed\nVersion: 1\n")
    (known / "entry_points.txt").write_text("[pytest11]\nconvbench = convbench.pytest_plugin\n")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile("def test_it(convbench): assert convbench.measure")
    done = pytester.runpytest_subprocess("-W", "error", "--strict-markers")
    done.assert_outcomes(passed=1)


XDIST = """
    from convbench import ConvSpec
    def test_count(convbench):
        spec = ConvSpec(in_channels=2, out_channels=3, input_size=(5,), kernel_size=3)
        convbench.assert_multiplications("standard", spec, 2 * 3 * 3 * 3)
    def test_faster(convbench):
        convbench.assert_faster(max, min)
"""


@pytest.mark.parametrize("strict", [False, True])
def test_under_xdist_counts_are_made_and_nothing_is_timed(apart, pytester, strict):
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    options = ("--convbench-strict",) if strict else ()
    done = apart(XDIST, "-n", "2", "--convbench-out=o", *options)
    done.assert_outcomes(passed=1, **({"failed": 1} if strict else {"skipped": 1}))
    done.stdout.fnmatch_lines(
        ["nothing was timed: timing assertions disturb one another under pytest-xdist*"]
    )
    found = (
        "*Failed: timing assertions disturb*" if strict else "SKIPPED *timing assertions disturb*"
    )
    done.stdout.fnmatch_lines([found])
    assert not (pytester.path / "o").exists(), "workers have no folder to share"


def test_a_real_measurement_in_processes_of_their_own(apart, pytester):
    """Of 1 against 40,000 additions; a busy machine may be one that cannot tell."""
    pytester.makepyfile(
        work="""
        def little():
            return sum(range(1))
        def much():
            return sum(range(40_000))
        """
    )
    done = apart(
        """
        import pytest
        from work import little, much
        @pytest.mark.convbench(seconds=0.4, processes=2)
        def test_less_is_faster(convbench):
            convbench.assert_faster(little, much, by=1.5)
        @pytest.mark.convbench(seconds=0.2, processes=1)
        def test_more_is_not(convbench):
            convbench.assert_faster(much, little, by=1.5)
        """,
        "--convbench-out=o",
        "-p",
        "no:benchmark",
    )
    outcomes = done.parseoutcomes()
    assert outcomes.get("passed", 0) <= 1
    assert outcomes.get("failed", 0) <= 1
    found = load_run(pytester.path / "o")
    assert [record.label for record in found.records] == [
        "a (little)", "b (much)", "a (much)", "b (little)",
    ]  # fmt: skip
    for record in found.records:
        assert {samples.process for samples in record.samples} <= {"fresh", "forked"}
        assert record.ran == {"asked": "a at least 1.5 times as fast as b"}
    assert [len(record.samples) for record in found.records] == [2, 2, 1, 1]
