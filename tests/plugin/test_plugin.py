"""pytest --convbench as a user sees it: outcomes, skips, markers, messages, the summary."""

import pytest
from plugin.plugin_script import busy, samples, spread

TIMED = """
    def test_pays(convbench):
        convbench.assert_faster(max, min)
"""
WIDE = samples(0.001, **spread(0.0011, 0.0013))

OUTCOMES = [
    # what, time of b (a takes 1 ms), options, what pytest counts, what it must say
    (
        "holds",
        0.002,
        (),
        {"passed": 1},
        "holds        time of b / a 2.000 (95 % interval 1.843 to 2.170), required 1.2",
    ),
    (
        "fails",
        0.001,
        (),
        {"failed": 1},
        "E       AssertionError: a (max) is less than 1.2 times as fast",
    ),
    (
        "cannot tell",
        [WIDE],
        (),
        {"skipped": 1},
        "SKIPPED [1] test_it.py:2: inconclusive: time of b",
    ),
    (
        "strict",
        [WIDE],
        ("--convbench-strict",),
        {"failed": 1},
        "includes the required 1.2; give more",
    ),
    (
        "strict in ini",
        [WIDE],
        ("-o", "convbench_strict=true"),
        {"failed": 1},
        "includes the required 1.2",
    ),
    ("disturbed", [busy(samples(0.009))], (), {"skipped": 1}, "for most of every sample"),
    (
        "disturbed, strict",
        [busy(samples(0.009))],
        ("--convbench-strict",),
        {"failed": 1},
        "b: no valid time a call",
    ),
]


@pytest.mark.parametrize(
    ("b", "options", "counted", "says"), [r[1:] for r in OUTCOMES], ids=[r[0] for r in OUTCOMES]
)
def test_outcomes(run, script, b, options, counted, says):
    script({"a": 0.001, "b": b})
    result = run(TIMED, "--convbench", *options)
    result.assert_outcomes(**counted)
    result.stdout.fnmatch_lines([f"*{says.replace('[', '[[]')}*"])
    result.stdout.fnmatch_lines(["*= convbench: times =*"])


def test_a_failure_shows_the_users_line_and_no_frame_of_ours(run, script):
    script({"a": 0.001, "b": 0.001})
    result = run(TIMED, "--convbench")
    result.stdout.fnmatch_lines([
        "*> *convbench.assert_faster(max, min)",
        "E *a (max) is less than 1.2 times as fast as b (min).",
        "E *time of b / time of a: 1.000 (95 % interval 0.92?? to 1.08?), all of it below 1.2",
        "E *measured: 20 rounds in 1 fresh process",
        "test_it.py:2: AssertionError",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*fixture.py:*")


def test_unless_asked_nothing_is_timed_and_counts_are_made(run, script):
    clock = script({"a": 0.001, "b": 0.001})
    result = run(
        """
        import torch
        from torch import nn
        def test_count(convbench):
            convbench.assert_multiplications(nn.Linear(3, 4), torch.zeros(2, 3), 24)
        def test_faster(convbench):
            convbench.assert_faster(max, min)
        def test_measure(convbench):
            convbench.measure({"a": max})
        """,
        "--convbench-strict",  # is about what is timed
    )
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED *timing assertions run with --convbench"])
    result.stdout.no_fnmatch_line("*convbench: times*")
    assert clock.asked == []


COUNTS = [
    # what, the assertion's arguments, lines of the failure; none where it passes
    ("a module", "net, x, 1152", ()),
    ("by torch", "net, x, 1152, counter='torch'", ()),
    ("a type", "'depthwise', spec, 4 * 9 * 64", ()),
    ("a type with knobs", "'grouped', spec, 4 * 4 * 9 * 64 // 2, groups=2", ()),
    ("a type, counted", "'standard', spec, 4 * 4 * 9 * 64, counter='profile'", ()),
    (
        "another number",
        "net, x, 1000",
        (
            "takes 1,152 multiplications, +152 against 1,000.",
            "given: 1,000",
            "counted: 1,152 (convbench.profile, by shapes, nothing computed)",
            "difference: +152, a factor of 1.152",
            "convention: 1 a multiply-accumulate of convolutions and matrix products*",
            "by operator:",
            "  convolution: 1,152",
            "by layer:",
            "  Conv2d: 1,152 multiplications, 76 parameters (Conv2d)",
        ),
    ),
    (
        "another number of a type",
        "'depthwise_separable', spec, 1",
        (
            "depthwise_separable in 4→4 k3 same @8×8 b1 takes 3,328 multiplications, +3,327 *",
            "counted: 3,328 (by formula)",
            "by step:",
            "  depthwise convolution: 2,304",
            "  1×1 convolution: 1,024",
        ),
    ),
    (
        "unknown operators are no zero",
        "unknown, y, 0",
        (
            "takes at least 0 multiplications, and how many more is not known.",
            "unknown operators:",
            "  aten._linalg_svd (×1): no counting rule",
            "*a lower bound and proves nothing*",
        ),
    ),
    (
        "nor to torch's counter",
        "unknown, y, 0, counter='torch'",
        ("*takes at least 0*", "*linalg_svd* no counting rule"),
    ),
    ("no such counter", "net, x, 1, counter='troch'", ("There is no counter 'troch'. Known: fo*",)),
    ("a counter that is none", "net, x, 1, counter=3", ("There is no counter 3. Known: formula*",)),
    ("no such type", "'depthwize', spec, 1", ("*depthwize*Did you mean depthwise,*",)),
    ("a type without a slot", "'depthwise', x, 1", ("*a Tensor for the slot of a*ConvSpec.",)),
    ("a slot without a type", "net, spec, 1", ("*A formula is that of a convolution type*",)),
    ("a formula of a module", "net, x, 1, counter='formula'", ("*Conv2d is none*",)),
    ("a knob of a module", "net, x, 1, groups=2", ("*no argument 'groups'*Conv2d is no*",)),
    ("no number", "net, x, 'many'", ("expected='many' is a str*",)),
    ("a truth", "net, x, True", ("expected=True is a bool*",)),
    ("a wrong input", "net, y, 1", ("*ProfileError*",)),
]


def test_counts_are_exact_and_failures_say_all(run):
    """Many in one session: each is a test of its own there."""
    head = """
    import pytest, torch
    from torch import nn
    from convbench import ConvSpec
    net, x, y = nn.Conv2d(4, 4, 3, groups=2), torch.zeros(1, 4, 6, 6), torch.zeros(3, 3)
    spec = ConvSpec(
        in_channels=4, out_channels=4, input_size=(8, 8), kernel_size=3, padding="same"
    )
    class Unknown(nn.Module):
        def forward(self, x):
            return torch.linalg.svdvals(x)
    unknown = Unknown()
    """
    tests = "".join(
        f"""
    def test_{number}(convbench):
        convbench.assert_multiplications({arguments})
    """
        for number, (_, arguments, _) in enumerate(COUNTS)
    )
    result = run(head + tests)
    failing = [row for row in COUNTS if row[2]]
    result.assert_outcomes(passed=len(COUNTS) - len(failing), failed=len(failing))
    for _, arguments, lines in failing:
        shown = [f"*assert_multiplications({arguments})".replace("[", "[[]")]
        shown += [f"E *{line}" for line in lines]
        result.stdout.fnmatch_lines(shown)
    result.stdout.no_fnmatch_line("*counts.py:*")


HOSTILE = [
    # what is given to assert_faster, what the failure says
    ("max, min, 0", "*MeasureError: by=0: give how many times as fast*"),
    ("max, min, float('nan')", "*MeasureError: by=nan: give how many*"),
    ("3, min", "*MeasureError: 'a': 3 cannot be called; give a callable, or (callable, inputs)"),
    ("(min, 1, 2), min", "*MeasureError: 'a': (<built-in*cannot be called*"),
    ("max, min, seconds=0", "*MeasureError: budget=0: no time to measure in*"),
    ("max, min, processes=0", "*MeasureError: processes=0: give 1 or more"),
    ("max, min, device='tpu'", "*MeasureError: *tpu*"),
    ("max, min, threads=10**6", "*MeasureError: threads=1000000: give 1 to *"),
    (
        "lambda: 1 / 0, lambda: 0, seconds=0.1",
        "*MeasurementError: a has no time: ZeroDivisionError: division by zero. Nothing was *",
    ),
]


def test_what_cannot_be_timed_fails_in_a_sentence(run):
    tests = "".join(
        f"""
    def test_{number}(convbench):
        convbench.assert_faster({arguments})
    """
        for number, (arguments, _) in enumerate(HOSTILE)
    )
    result = run(tests, "--convbench")
    result.assert_outcomes(failed=len(HOSTILE))
    result.stdout.fnmatch_lines([f"E {says.replace('[', '[[]')}" for _, says in HOSTILE])
    result.stdout.no_fnmatch_line("*arguments.py:*")
    result.stdout.no_fnmatch_line("*fixture.py:*")


def test_measure_returns_a_measurement_and_shows_it(run, script):
    clock = script({"one": 0.001, "two": 0.002})
    result = run(
        """
        def test_times(convbench):
            found = convbench.measure({"one": max, "two": min}, base="two", threads=2)
            assert found.ratio("two", "one").value == 2
        """,
        "--convbench",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["measured*one 995 µs *test_it.py::test_times"])
    (asked,) = clock.asked
    assert (asked["base"], asked["threads"], asked["processes"]) == ("two", 2, 8)


def test_measure_of_what_is_disturbed_or_no_mapping(run, script):
    script({"a": [busy(samples(0.001))]})
    result = run(
        """
        def test_disturbed(convbench):
            convbench.measure({"a": max})
        """,
        "--convbench",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *MeasurementError: a: something else had the processor for*"])


def test_measure_of_no_mapping(run):
    result = run("def test_it(convbench): convbench.measure(max)", "--convbench")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *MeasureError: work=<built-in function max>: give compet*"])


# --- the marker ----------------------------------------------------------------------------


def test_markers_say_how_and_the_nearest_wins(run, script):
    clock = script({"a": 0.001, "b": 0.002})
    result = run(
        """
        import pytest
        pytestmark = pytest.mark.convbench(seconds=9, processes=2)
        @pytest.mark.convbench(processes=5)
        class TestOf:
            @pytest.mark.convbench(threads=2)
            def test_three(self, convbench):
                convbench.assert_faster(max, min)
        def test_arguments_win(convbench):
            convbench.assert_faster(max, min, seconds=1)
        """,
        "--convbench",
        "--strict-markers",
    )
    result.assert_outcomes(passed=2)
    first, second = clock.asked
    assert (first["budget"], first["processes"], first["threads"]) == (9, 5, 2)
    assert (second["budget"], second["processes"], second["threads"]) == (1, 2, 1)


MARKS = [
    ("second=5", "second is no option of it; did you mean seconds?"),
    ("rounds=5", "rounds is no option of it; give any of seconds, processes, threads, device"),
    ("5", "5 has no name; give seconds=5 and the like"),
    ("seconds=0", "seconds=0; give finite seconds above 0"),
    ("seconds=float('nan')", "seconds=nan; give finite seconds above 0"),
    ("seconds='1'", "seconds='1'; give finite seconds above 0"),
    ("seconds=True", "seconds=True; give finite seconds above 0"),
    ("processes=1.5", "processes=1.5; give a whole number of at least 1"),
    ("threads=0", "threads=0; give a whole number of at least 1"),
    ("device=0", "device=0; give 'cpu', 'cuda' or 'cuda:<index>'"),
]


@pytest.mark.parametrize(("mark", "says"), MARKS)
def test_a_wrong_marker_ends_the_session_in_a_line(run, mark, says):
    result = run(
        f"""
        import pytest
        @pytest.mark.convbench({mark})
        def test_it(): pass
        """
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: test_it.py::test_it: @pytest.mark.convbench: {says}" in result.stderr.str()
    assert "Traceback" not in result.stderr.str()


def test_the_marker_is_listed(run):
    result = run("", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.convbench(seconds=3.0, processes=8, *: how *"])


def test_the_marker_defaults_are_those_of_the_function():
    import inspect

    from convbench.pytest_plugin.options import Timing
    from convbench.testing import assert_faster

    defaults = inspect.signature(assert_faster).parameters
    for name, value in vars(Timing()).items():
        assert defaults[name].default == value


def test_help_names_the_options(run):
    result = run("", "--help")
    result.stdout.fnmatch_lines(["*--convbench *", "*--convbench-out=DIR*", "*--convbench-strict*"])
