"""Why a time ratio is no ratio of multiplications: what a report says, shows and leaves out."""

from dataclasses import replace

import pytest
from report.report_runs import whole_run
from runs.executed import BASE, LIGHT, PLANE, VALID, explained_run, kernel

from convbench.clock.execution import Execution
from convbench.report.contents import contents
from convbench.report.document import Bullets, Table
from convbench.report.figuredata import Waterfall
from convbench.report.groups import groups
from convbench.report.renderers import RENDERERS
from convbench.report.why import answer, why
from convbench.runs.frame import frame


def light(run):
    (group,) = groups(run)
    return group.find("depthwise_separable")


def changed(**changes):
    run = explained_run()
    base, one = run.records
    return replace(run, records=(base, replace(one, **changes)))


def bullet(run):
    points = next(b for b in contents(run).walk() if isinstance(b, Bullets) and b.id == "findings")
    return next(p for p in points.items if p.lead == "depthwise_separable against standard")


def test_the_finding_says_why_with_the_numbers_of_the_device():
    row = light(explained_run())
    least = 4 * (2 * PLANE + 576) / 2e10 + 64 * PLANE / 1e11
    assert row.gap["device"].value == pytest.approx(least / (64 * (VALID + PLANE) / 1e11))
    of_base = 900e-6 / (4096 * VALID / 1e11)
    assert row.gap["kernels"].value == pytest.approx(260e-6 / least / of_base)
    assert why(row) == (
        "A multiplication takes 3.2× as long as in standard: 1.6× from slower kernels, depthwise "
        "convolution (oneDNN, direct) at 29 % and 1×1 convolution (ATen, im2col and GEMM) at 64 % "
        "of the device's peak, where standard has convolution (oneDNN, jit) at 125 %; 1.4× because "
        "memory limits the depthwise convolution; 1.2× from other operators, 40.0 µs of 400 µs, "
        "where standard has 0 s of 1.00 ms; 1.1× from calls of the libraries, 35.0 µs of 400 µs, "
        "where standard has 30.0 µs of 1.00 ms. "
        "Unexplained: 1.1×, 6 % of the gap."
    )
    assert answer(row) == (
        "2.5× faster with 7.9× fewer multiplications: each takes 3.2× as long (1.6× kernels, "
        "1.4× device limit)"
    )
    found = bullet(explained_run())
    assert why(row) in found.text
    assert found.answer == answer(row)


def test_without_depthwise_separable_the_count_that_misleads_most_is_explained():
    run = explained_run()
    base, one = run.records
    other = replace(one, name="lite", label="lite", case="lite", knobs={"block": False})
    found = contents(replace(run, records=(base, other)))
    (text,) = (point.text for point in found.findings if point.lead == "Count against time")
    assert "the count misleads most for lite" in text.lower()
    assert "A multiplication takes 3.2× as long as in standard: " in text
    (text,) = (p.text for p in contents(run).findings if p.lead == "Count against time")
    assert "A multiplication takes" not in text, "it is explained in the point before"


def test_where_what_ran_was_shortened_to_fit_the_call_nothing_is_left():
    """Both were watched for longer than their calls take."""
    run = explained_run()
    longer = tuple(
        replace(
            one,
            execution=replace(
                one.execution,
                kernels=tuple(replace(k, seconds=3 * k.seconds) for k in one.execution.kernels),
            ),
        )
        for one in run.records
    )
    row = light(replace(run, records=longer))
    assert why(row).endswith("Nothing is left unexplained.")


def test_what_stays_unexplained_is_said_so():
    kernels = kernel(20e-6, name="jit_dw"), kernel(103e-6, backend="ATen", name="Slow2d")
    row = light(changed(execution=Execution(kernels=kernels)))
    assert not row.gap.explained
    assert "Unexplained: 2.8×" in why(row)
    assert "2.8× unexplained" in answer(row)


def test_the_table_multiplies_to_the_time_ratio_and_the_figure_shows_the_same():
    found = contents(explained_run())
    table = next(b for b in found.walk() if isinstance(b, Table) and b.id == "factors")
    (row,) = table.rows
    assert row[0] == "depthwise_separable"
    factors = [value for column, value in zip(table.columns, row, strict=True)
               if column.key.startswith("factor_")]  # fmt: skip
    product = 1.0
    for factor in factors:
        product *= factor
    # a factor within 3 % of 1 in every case has no column
    assert product == pytest.approx(row[-2].value, rel=0.03)
    (data,) = (data for data in found.figures.values() if isinstance(data, Waterfall))
    product = data.multiplications
    for factor in data.factors:
        product *= factor.value
    assert product == pytest.approx(data.time.value, rel=1e-9)


def test_the_frame_has_the_factors_the_roofline_and_the_reasons():
    table = frame(explained_run()).set_index("label")
    one, base = table.loc["depthwise_separable"], table.loc["standard"]
    factors = [one[name] for name in table.columns if name.startswith("factor_")]
    product = 1.0
    for factor in factors:
        product *= factor
    assert product == pytest.approx(one["ratio_seconds"], rel=1e-9)
    assert base["factors_unknown_because"] == "it is the baseline"
    assert (one["bound"], base["bound"]) == ("arithmetic", "arithmetic")
    assert one["share_of_peak"] == pytest.approx(
        (64 * VALID + 64 * PLANE) / 1e11 / one["seconds_median"]
    )
    assert one["attainable_memory"] == pytest.approx(one["bytes_moved"] / 2e10)
    assert one["attainable_l3"] is table.loc["standard"]["attainable_l3"], "no such level: missing"
    assert one["ridge"] == 5


def test_a_run_that_does_not_say_what_ran_has_no_such_section_and_the_reason_in_its_frame():
    found = contents(whole_run())
    assert not [b for b in found.walk() if isinstance(b, Table) and b.id in {"factors", "bounds"}]
    reasons = set(frame(whole_run())["factors_unknown_because"])
    assert "the run does not say what ran" in reasons


def test_a_case_that_was_not_observed_says_so_in_the_table():
    other = replace(
        LIGHT, case="again", label="again", samples=explained_run().records[1].samples,
        baseline="standard", execution=Execution(reason="mode compile: not observed"),
    )  # fmt: skip
    run = explained_run()
    found = contents(replace(run, records=(*run.records, other)))
    table = next(b for b in found.walk() if isinstance(b, Table) and b.id == "factors")
    remarks = {row[0]: row[-1] for row in table.rows}
    assert remarks["again"] == "what ran is not known (mode compile: not observed)"
    assert BASE.label not in remarks


@pytest.mark.usefixtures("drawn_once")
@pytest.mark.parametrize("name", ["markdown", "html", "latex", "json", "csv"])
def test_every_format_holds_it(name):
    files = RENDERERS[name](contents(explained_run()))
    text = b"".join(
        content if isinstance(content, bytes) else content.encode() for content in files.values()
    )
    assert b"factor_kernels" in text or b"kernels" in text


def test_a_share_of_the_peak_of_a_gpu_says_where_it_ran_at_another_clock():
    """The peak was measured at 1,755 MHz; one ran at 1,410, and its baseline at the peak's."""
    run = explained_run()

    def on_a_gpu(record, clock):
        taken = tuple(replace(s, sm_clock_mhz=(clock,) * len(s.seconds)) for s in record.samples)
        return replace(record, device="cuda:0", samples=taken)

    (ceiling,) = run.header.machine.ceilings
    there = replace(ceiling, device="cuda:0", sm_clock_mhz=1755)
    run = replace(
        run,
        header=replace(run.header, machine=replace(run.header.machine, ceilings=(there,))),
        records=tuple(map(on_a_gpu, run.records, (1755, 1410))),
    )
    text = why(light(run))
    assert "of the device's peak (at 1,410 MHz, the peak at 1,755 MHz), where standard has" in text
    assert text.count("MHz") == 2
    assert "MHz" not in why(light(explained_run()))
