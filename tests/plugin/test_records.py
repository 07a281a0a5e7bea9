"""What a session measures is a run: stored at once, read, reported and compared as any other."""

import json

import pytest
import torch
from plugin.plugin_script import busy, samples

from convbench import load_run
from convbench.clock.contamination import (
    SHARED,
    contaminated_share,
    faults_per_call,
    flags,
    watched,
)
from convbench.clock.measurement import Measurement
from convbench.pytest_plugin import session
from convbench.report.write import write_report
from convbench.runs.code import Benchmark, Timed, benchmarked, measured
from convbench.runs.record import Record
from convbench.runs.store import Store, load

PAIR = """
    def test_pays(convbench):
        convbench.assert_faster(max, min)
"""


def records(found, inputs=(), **more):
    """Return the records of a measurement, by name."""
    work = {name: Timed(label=name.upper(), inputs=inputs) for name in found.samples}
    made = measured(found, work, group="test_x.py::test", base="b", device="cpu", threads=1, **more)
    assert [Record.from_json(json.loads(json.dumps(r.to_json()))) for r in made] == made
    return {record.name: record for record in made}


# --- records of code -----------------------------------------------------------------------


def test_a_measurement_as_records():
    found = Measurement(samples={"a": (samples(0.001),), "b": (samples(0.002),)})
    made = records(found, asked="a at least 2 times as fast as b")
    assert {record.kind for record in made.values()} == {"code"}
    assert made["a"].case == "a | test_x.py::test"
    assert made["a"].label == "a (A)"
    assert made["a"].baseline == made["b"].baseline == made["b"].case
    assert made["a"].samples == found.samples["a"]
    assert made["a"].ran == {"asked": "a at least 2 times as fast as b"}
    assert (made["a"].dtype, made["a"].layout, made["a"].input_shape) == ("unknown", "unknown", ())


TENSORS = [
    (torch.zeros(2, 3, 4, 5), (2, 3, 4, 5), "float32", "channels_first"),
    (torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last), (2, 3, 4, 5), "float32",
     "channels_last"),
    (torch.zeros(2, 3, 4, 5, 6).to(memory_format=torch.channels_last_3d), (2, 3, 4, 5, 6),
     "float32", "channels_last"),
    (torch.zeros(4, 5, dtype=torch.int64).t(), (5, 4), "int64", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("tensor", "shape", "dtype", "layout"), TENSORS)
def test_what_the_inputs_say_of_themselves(tensor, shape, dtype, layout):
    found = Measurement(samples={"b": (samples(0.001),)})
    one = records(found, inputs=("no tensor", tensor))["b"]
    assert (one.input_shape, one.dtype, one.layout) == (shape, dtype, layout)
    assert one.baseline is None, "one alone has nothing to compare with"


def test_failed_and_disturbed_ones_say_so():
    found = Measurement(
        samples={"a": (), "b": (busy(samples(0.002)),)}, failures={"a": "ValueError: no"}
    )
    made = records(found)
    assert (made["a"].status, made["a"].reason) == ("failed", "ValueError: no")
    assert made["b"].status == "invalid"
    assert "something else had the processor for most of every sample" in made["b"].reason


def test_a_shared_gpu_is_a_flag_of_the_records_it_is_told_of():
    found = Measurement(
        samples={"a": (samples(0.1),), "b": (samples(0.1),)},
        notes=(f"b: {SHARED}",),
        told={"b": (SHARED,)},
    )
    assert {name: record.flags for name, record in records(found).items()} == {
        "a": (), "b": (SHARED,)
    }  # fmt: skip


def test_a_note_stands_once():
    here = "timed in this process, since it cannot travel"
    found = Measurement(samples={"b": (samples(0.1, process=here),)}, notes=(here, "another"))
    assert records(found)["b"].flags == (f"process: {here}", "note: another")


def test_an_unknown_kind_is_refused():
    row = records(Measurement(samples={"b": (samples(0.1),)}))["b"].to_json()
    with pytest.raises(ValueError, match=r"Record\.kind holds 'poem'"):
        Record.from_json({**row, "kind": "poem"})


# --- results of pytest-benchmark -----------------------------------------------------------


def result(**changes):
    values = {
        "test": "b/test_x.py::test_it[standard-3]", "name": "test_it",
        "label": "test_it[standard-3]", "group": "forward",
        "params": {"name": "standard", "k": 3, "x": float("nan"), "t": [1]},
        "seconds": (1e-3, 1.1e-3, 0.9e-3, 1.2e-3, 1e-3), "calls": 7, "timer": "perf_counter",
        "extra": {"multiplications": 42}, "threads": 2,
    }  # fmt: skip
    return Benchmark(**{**values, **changes})


def test_a_benchmark_keeps_raw_times_and_invents_nothing():
    record = benchmarked(result())
    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record
    (kept,) = record.samples
    assert kept.seconds == (1e-3, 1.1e-3, 0.9e-3, 1.2e-3, 1e-3)
    assert kept.block == 7
    assert kept.stopwatch == "pytest-benchmark (perf_counter)"
    assert (kept.cpu_seconds, kept.page_faults, kept.involuntary_switches) == ((), (), ())
    assert (kept.first_call, kept.warmup_calls, kept.settled) == (None, None, None)
    assert record.group == "forward"
    assert record.baseline is None
    assert record.knobs == {"name": "standard", "k": 3, "x": "nan", "t": "[1]"}
    assert record.ran == {"multiplications": "42"}
    assert record.flags == (
        "unwatched: pytest-benchmark (perf_counter) does not tell who else ran",
        "process: pytest-benchmark times in the process of the tests",
    )


def test_text_that_no_file_can_hold_is_written_out():
    record = benchmarked(result(params={"\udc80": "\ud800"}, extra={"\udc81": ["<b>", 1]}))
    assert record.knobs == {"\\udc80": "\\ud800"}
    assert record.ran == {"\\udc81": "['<b>', 1]"}
    json.dumps(record.to_json(), ensure_ascii=False).encode()


def test_a_benchmark_without_a_group_is_in_that_of_its_file():
    assert benchmarked(result(group="")).group == "b/test_x.py"


def test_times_of_a_benchmark_that_failed_are_kept_and_not_believed():
    wrong = benchmarked(result(failure="AssertionError: 3 is not 4"))
    assert (wrong.status, wrong.reason) == (
        "invalid",
        "the test failed: AssertionError: 3 is not 4",
    )
    assert wrong.samples
    raised = benchmarked(result(failure="ValueError: no", seconds=()))
    assert (raised.status, raised.samples, raised.flags) == ("failed", (), ())


def test_what_nobody_watched_is_not_called_clean():
    blind = benchmarked(result()).samples
    assert not watched(blind[0])
    assert faults_per_call(blind) is None
    seen = busy(samples(0.001))
    assert contaminated_share([seen, *blind]) == 1.0, "of those that were watched"
    assert contaminated_share(blind) == 0.0
    assert any(flag.startswith("unwatched") for flag in flags(blind))


def test_no_cpu_time_alone_makes_no_sample_contaminated():
    """A wall stopwatch with one thread, whose CPU time is untold."""
    one = samples(0.001, cpu_seconds=(), involuntary_switches=())
    assert contaminated_share([one]) == 0.0


# --- sessions that store -------------------------------------------------------------------


def test_a_session_is_a_run(run, script, pytester):
    clock = script({"a": 0.001, "b": 0.002, "net": 0.003})
    done = run(
        """
        import json, pathlib, pytest, torch
        from torch import nn

        def test_pays(convbench):
            convbench.assert_faster(max, min)
            convbench.assert_faster(max, min, by=3)

        def test_what_is_measured_is_on_the_disk_at_once():
            lines = pathlib.Path("o/records.jsonl").read_text().splitlines()
            assert [json.loads(line)["name"] for line in lines] == ["a", "b", "a", "b"]

        @pytest.mark.parametrize("size", [1, 3])
        def test_net(convbench, size):
            net = nn.Conv2d(4, 8, size)
            convbench.measure({"net": (net, torch.zeros(1, 4, 8, 8))}, threads=2)
        """,
        "--convbench-out=o",
    )
    done.assert_outcomes(passed=3, failed=1)
    done.stdout.fnmatch_lines([
        "convbench: *timing assertions run, stored in o",
        "holds *test_it.py::test_pays",
        "fails *test_it.py::test_pays",
        "measured *test_it.py::test_net[[]1]",
        "6 records in o: convbench report o",
    ])  # fmt: skip
    assert len(clock.asked) == 4
    found = load_run(pytester.path / "o")
    assert found.finished
    assert [record.group for record in found.records] == [
        "test_it.py::test_pays", "test_it.py::test_pays",
        "test_it.py::test_pays (2)", "test_it.py::test_pays (2)",
        "test_it.py::test_net[1]", "test_it.py::test_net[3]",
    ]  # fmt: skip
    assert len(found.by_case()) == 6
    assert [record.tallies["profile"].macs for record in found.records[4:]] == [
        4 * 8 * 64, 4 * 8 * 9 * 36,
    ]  # fmt: skip
    assert found.records[4].threads == 2
    assert found.header.command.startswith("python -m pytest")
    assert "--convbench-out" not in found.header.command
    assert found.header.fingerprint["torch"] == torch.__version__
    table = found.to_frame()
    assert set(table["kind"]) == {"code"}
    assert list(table["macs_profile"].dropna()) == [4 * 8 * 64, 4 * 8 * 9 * 36]
    (page,) = [
        p for p in write_report(found, pytester.path / "r", ("markdown",)) if p.suffix == ".md"
    ]
    text = page.read_text()
    assert (
        "- **Tests:** Faster in 2: in test_it.py::test_pays, a (max) is 2.0× faster than b (min)"
        in text
    )
    assert "| a (max) |" in text.replace("  ", " ")
    assert "time ratio" in text
    assert "count ratio" not in text, "nothing is derived"
    assert "nothing to compare with" not in text
    assert "1/N" not in text, "there is no type here"


def test_the_run_before_is_moved_aside(run, script, pytester):
    script({"a": 0.001, "b": 0.002})
    for _ in range(2):
        run(PAIR, "--convbench-out=o").assert_outcomes(passed=1)
    kept = sorted(path.name for path in pytester.path.glob("o*"))
    assert kept[0] == "o"
    assert len(kept) == 2
    assert all(len(load(pytester.path / name).records) == 2 for name in kept)


def test_a_session_that_times_nothing_stores_nothing(run, pytester):
    done = run("def test_it(): pass", "--convbench-out=o")
    done.assert_outcomes(passed=1)
    assert not (pytester.path / "o").exists()
    done.stdout.no_fnmatch_line("*convbench: times*")


def test_a_folder_that_cannot_be_is_refused_before_anything_runs(run, pytester):
    pytester.makefile(".txt", o="a file")
    refused = run(PAIR, "--convbench-out=o.txt")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert "o.txt is a file: give a folder" in refused.stderr.str()
    (pytester.path / "theirs").mkdir()
    (pytester.path / "theirs" / "novel.md").write_text("Once")
    refused = run(PAIR, "--convbench-out=theirs")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert "theirs is not empty and holds no convbench run" in refused.stderr.str()


def test_what_cannot_be_stored_ends_the_session(run, script, pytester):
    """/proc takes no new folder, not even from root; and another process may be writing."""
    script({"a": 0.001, "b": 0.002})
    ended = run(PAIR, "--convbench-out=/proc/none/o")
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    ended.stdout.fnmatch_lines(["*--convbench-out: /proc/none/o cannot be written*"])
    run(PAIR, "--convbench-out=o").assert_outcomes(passed=1)
    store, _ = Store.reopen(pytester.path / "o")
    ended = run(PAIR, "--convbench-out=o")
    store.close()
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    ended.stdout.fnmatch_lines(["*is being written by another convbench*"])
    assert len(load(pytester.path / "o").records) == 2


@pytest.mark.parametrize("when", ["in the test", "after the last"])
def test_a_folder_that_is_replaced_is_told_with_where_the_records_are(when, run, script, pytester):
    script({"a": 0.001, "b": 0.002})
    pytester.makepyfile(
        happening="""
        import pathlib
        def happens():
            pathlib.Path("o").rename("away")
            pathlib.Path("o").mkdir()
            pathlib.Path("o/run.json").write_text("another")
        """
    )
    once = "    happens()\n    convbench.assert_faster(max, min)\n"
    done = run(
        "from happening import happens\n\ndef test_it(convbench):\n"
        "    convbench.assert_faster(max, min)\n"
        + ("    happens()\n" if when == "after the last" else once),
        "--convbench-out=o",
    )
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["*o was moved, removed or replaced*", "*records in *o.kept-1: *"])
    assert load(pytester.path / "o.kept-1").records
    assert (pytester.path / "o" / "run.json").read_text() == "another"


def test_a_module_that_cannot_be_counted_is_timed_all_the_same(run, script, pytester):
    script({"a": 0.001, "b": 0.002})
    run(
        """
        import torch
        from torch import nn
        def test_it(convbench):
            convbench.assert_faster((nn.Conv2d(1, 1, 1), torch.zeros(2)), min)
        """,
        "--convbench-out=o",
    ).assert_outcomes(passed=1)
    first, second = load(pytester.path / "o").records
    assert "cannot be run on inputs (2,)" in first.tallies["profile"].reason
    assert second.tallies == {}


def test_results_of_pytest_benchmark_flow_into_the_run(run, pytester):
    done = run(
        """
        import pytest

        @pytest.mark.benchmark(group="adding")
        @pytest.mark.parametrize("n", [2, 3])
        def test_sum(benchmark, n):
            benchmark.extra_info["n"] = n
            assert benchmark.pedantic(sum, args=([n],), rounds=6, iterations=2) == n

        def test_wrong(benchmark):
            assert benchmark.pedantic(sum, args=([1],), rounds=5) == 2

        def test_raises(benchmark):
            benchmark(lambda: 1 / 0)

        def test_skips_before(benchmark):
            pytest.skip("not today")

        def test_uses_none(): pass
        """,
        "--convbench-out=o",
        "--benchmark-group-by=func",
    )
    done.assert_outcomes(passed=3, failed=2, skipped=1)
    done.stdout.fnmatch_lines(["4 records in o: convbench report o"])
    found = load(pytester.path / "o")
    two, three, wrong, raises = found.records
    assert (two.group, two.label, two.knobs, two.ran) == (
        "adding",
        "test_sum[2]",
        {"n": 2},
        {"n": "2"},
    )
    assert three.case == "test_it.py::test_sum[3] | adding"
    assert len(two.samples[0].seconds) == 6
    assert two.samples[0].block == 2
    assert two.samples[0].stopwatch == "pytest-benchmark (perf_counter)"
    assert wrong.status == "invalid"
    assert wrong.group == "test_it.py"
    assert (raises.status, raises.reason) == (
        "failed", "the test failed: ZeroDivisionError: division by zero",
    )  # fmt: skip
    page = write_report(found, pytester.path / "r", ("markdown", "csv"))[0].read_text()
    assert "unwatched in 3 cases" in page
    assert "| test_sum[2]" in page.replace("\\", "")


def test_a_benchmark_that_times_nothing_leaves_no_record(run, pytester):
    text = "def test_it(benchmark): benchmark(sum, [1])"
    run(text, "--convbench-out=o", "--benchmark-disable").assert_outcomes(passed=1)
    run(text, "--convbench-out=o", "--benchmark-skip").assert_outcomes(skipped=1)
    run(text).assert_outcomes(passed=1)
    assert not (pytester.path / "o").exists()


def test_another_fixture_called_benchmark_is_no_business_of_ours(run, pytester):
    text = """
    import pytest
    @pytest.fixture
    def benchmark(): return 3
    def test_it(benchmark): assert benchmark == 3
    """
    run(text, "--convbench-out=o", "-p", "no:benchmark").assert_outcomes(passed=1)
    assert not (pytester.path / "o").exists()


def test_a_net_is_left_as_it_was(run, script):
    script({"net": 0.001})
    run(
        """
        import torch
        from torch import nn
        def test_it(convbench):
            net, x = nn.BatchNorm2d(3), torch.randn(2, 3, 4, 4)
            before = {k: v.clone() for k, v in net.state_dict().items()}
            found = convbench.measure({"net": (net, x)})
            assert net.training and "training mode" in found.notes[0]
            assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
        """,
        "--convbench-out=o",
    ).assert_outcomes(passed=1)


COMMANDS = {
    "tests/test_a.py --convbench --convbench-budget 5 --convbench-out o -q":
        "tests/test_a.py --convbench --convbench-budget 5 -q",
    "--convbench-out=o --token=abc --password abc tests/test_a.py::test_b[1]":
        "--token=... --password ... 'tests/test_a.py::test_b[1]'",
    "-k secret -ksecret -p no:secret --benchmark-only -x": "-k ... -k -p ... --benchmark-only -x",
    "{here}/tests/test_a.py {above}/other.py::test_c": "tests/test_a.py other.py::test_c",
    "\0odd": "...",
}  # fmt: skip


@pytest.mark.parametrize("given", COMMANDS)
def test_the_command_that_a_run_keeps_tells_no_secret(given, tmp_path, monkeypatch):
    here = tmp_path / "here"
    (here / "tests").mkdir(parents=True)
    (here / "tests" / "test_a.py").touch()
    (tmp_path / "other.py").touch()
    monkeypatch.chdir(here)
    words = given.format(here=here, above=tmp_path).split(" ")
    said = session._command(words)
    assert said == f"python -m pytest {COMMANDS[given]}"
