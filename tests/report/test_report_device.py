"""What a GPU did, in a report: rates, clocks under load, power and slowdowns; all scripted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator
from report.gpu_runs import gpu_run
from report.report_runs import whole_run

from convbench.machine.ceilings import MEMORY, Ceiling, Level
from convbench.report.cases import case_schema, cases_table
from convbench.report.contents import contents
from convbench.report.document import Figure, Table
from convbench.runs.columns import COLUMNS
from convbench.runs.columns_gpu import OF_A_GPU
from convbench.runs.frame import rows
from convbench.runs.record import Machine
from convbench.runs.training import TrainingStep

IDLE = {"gpu": "A GPU", "gpu_clock_mhz": 345, "gpu_memory_clock_mhz": 405, "gpu_temperature_c": 31,
        "gpu_throttled": False, "gpu_clock_max_mhz": 1980}  # fmt: skip
CEILING = Ceiling(
    device="cuda:0", dtype="float32", threads=2, multiplications_per_second=3e13,
    bytes_per_second=3e12, peak_of="product of two 8192×8192 matrices",
    levels=(Level(name="L2", size=5 * 10**7, bytes_per_second=8e12),
            Level(name=MEMORY, size=None, bytes_per_second=3e12)),
    convolution_seconds=5e-6, operator_seconds=4e-6,
)  # fmt: skip


def on_a_gpu(clocks=(1410, 1980), reasons=0, told=True, kernel=None):
    """Return a run of a GPU whose clock goes up and down between two values."""

    def state(samples, low, high):
        rounds = len(samples.seconds)
        return replace(
            samples,
            sm_clock_mhz=tuple((low, high)[n % 2] for n in range(rounds)),
            throttle_reasons=tuple((0, reasons)[n % 2] for n in range(rounds)),
            memory_clock_mhz=(2619,) * rounds, power_mw=(512_345,) * rounds,
            temperature_c=(60, *(61,) * (rounds - 1)),
        )  # fmt: skip

    def of(record):
        if not record.samples:
            return replace(record, device="cuda:0")
        samples = tuple(state(s, *clocks) if told else s for s in record.samples)
        also = {"kernel": tuple(state(s, *kernel) for s in samples)} if kernel else {}
        return replace(record, device="cuda:0", samples=samples, also=also)

    run = whole_run()
    header = replace(
        run.header, fingerprint={**run.header.fingerprint, **IDLE},
        machine=Machine(ceilings=(CEILING,), cache_bytes=5 * 10**7),
    )  # fmt: skip
    return replace(run, header=header, records=tuple(map(of, run.records)))


def tables(run, name):
    return [b for b in contents(run).walk() if isinstance(b, Table) and b.id == name]


def test_every_row_of_a_gpu_has_its_rates_and_shares_of_measured_peaks():
    table = tables(on_a_gpu(), "rates")[0]
    names = [column.name for column in table.columns]
    assert names == ["case", "rate", "of the peak", "bytes", "held by", "of its bandwidth"]
    for row in table.rows:
        said = dict(zip(names, row, strict=True))
        assert said["rate"] == pytest.approx(2 * said["of the peak"] * 3e13)
        assert said["held by"] == "L2"
        assert said["bytes"] == pytest.approx(8e12 * said["of its bandwidth"])
    assert "Peak: 60.0 TFLOP/s (ieee float32, product of two 8192×8192 mat" in table.caption


def peaks(*clock):
    """Return the peak rates of the scripted card for each type, at a clock if one is given."""
    rates = {"float32": 3e13, "tf32": 2.4e14, "bfloat16": 4.9e14}
    return tuple(
        replace(CEILING, dtype=dtype, threads=1, multiplications_per_second=rate,
                sm_clock_mhz=clock[0] if clock else None)
        for dtype, rate in rates.items()
    )  # fmt: skip


def with_peaks(run, *clock):
    return replace(run, header=replace(run.header, machine=Machine(ceilings=peaks(*clock))))


AXES = {"dtype": ("float32", "tf32", "bfloat16")}


def test_rates_need_no_measured_peaks_and_shares_do():
    bare = gpu_run((32,), ("standard", "depthwise"), AXES)
    known = with_peaks(bare)
    assert len(bare.records) == 6
    for row, other in zip(rows(bare), rows(known), strict=True):
        seconds = row.seconds.value
        value = {name: column.value(row) for name, column in {**COLUMNS, **OF_A_GPU}.items()}
        assert value["clock"] == "kernel time"
        assert value["operations_per_second"] == 2 * row.record.cost.multiplications_valid / seconds
        size = 2 if row.record.dtype == "bfloat16" else 4
        assert value["bytes_per_second"] == row.record.cost.bytes_moved(size) / seconds
        assert value["share_of_peak"] is value["share_of_bandwidth"] is None
        share = COLUMNS["share_of_peak"].value(other)
        assert 2 * share * other.ceiling.multiplications_per_second == pytest.approx(
            value["operations_per_second"]
        )
    names = {"case", "rate", "bytes"}
    for table in tables(bare, "rates"):
        assert {column.name for column in table.columns} == names
        assert "What each case reached of the GPU, by its kernel time." in table.caption
        assert "Its peak rates were not measured, so there are no shares of them." in table.caption
    assert {c.name for c in tables(known, "rates")[0].columns} > {*names, "of the peak"}


def test_rates_of_event_times_say_so():
    run = gpu_run((32,), ("standard", "depthwise"), edit=lambda record: replace(record, also={}))
    (table,) = tables(run, "rates")
    assert "by its event time." in table.caption
    assert all(row[1] and row[2] for row in table.rows)


def trained(step):
    run = gpu_run((32,), ("standard",), {"direction": ("training",)})
    return replace(run, records=tuple(replace(one, step=step) for one in run.records))


def test_a_training_step_has_the_rate_of_its_multiplications_both_ways():
    run = with_peaks(trained(TrainingStep(multiplications=10**10)))
    (row,) = rows(run)
    (table,) = tables(run, "rates")
    said = dict(zip((c.key for c in table.columns), table.rows[0], strict=True))
    assert said["operations_per_second"] == 2e10 / row.seconds.value
    assert said["share_of_peak"] == pytest.approx(1e10 / 3e13 / row.seconds.value)
    assert "bytes_per_second" not in said
    assert said["rates_unknown_because"] == "bytes: what a backward pass moves is not derived"
    assert "of the step, forward and backward, as counted" in table.caption


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (None, "operations: the run did not count the backward pass; bytes: what a back"),
        (TrainingStep(reason="no rule for x"),
         "operations: the step could not be counted (no rule for x); bytes: what a back"),
    ],
)  # fmt: skip
def test_a_training_step_that_was_not_counted_says_why_it_has_no_rate(step, why):
    (table,) = tables(trained(step), "rates")
    assert [column.key for column in table.columns] == ["label", "rates_unknown_because"]
    assert table.rows[0][1].startswith(why)


@pytest.mark.parametrize(
    ("clock", "said"),
    [(1980, None), (1930, None), (1755, "at 1,980 MHz, the peak at 1,755 MHz"),
     (2100, "at 1,980 MHz, the peak at 2,100 MHz")],
)  # fmt: skip
def test_a_share_of_a_peak_at_another_clock_says_so(clock, said):
    """The scripted card runs at 1,980 MHz."""

    def alone_at(record):
        told = tuple(replace(s, sm_clock_mhz=(1980,) * len(s.seconds)) for s in record.judged)
        return replace(record, also={"kernel": told})

    run = with_peaks(gpu_run((32,), ("standard", "depthwise"), edit=alone_at), clock)
    frame = run.to_frame()
    assert set(frame.peak_sm_clock_mhz) == {clock}
    for name in ("rates", "bounds"):
        (table,) = tables(run, name)
        keys = [column.key for column in table.columns]
        assert ("peak_remark" in keys) is bool(said)
        assert f", at {clock:,} MHz" in table.caption
        if said:
            assert {row[keys.index("peak_remark")] for row in table.rows} == {said}
    captions = [b.caption for b in contents(run).walk() if isinstance(b, Figure)]
    assert any(f"measured ceilings of the device, at {clock:,} MHz" in said for said in captions)


def test_every_row_of_a_gpu_has_its_clocks_and_what_slowed_it():
    table = tables(on_a_gpu(reasons=0x4), "device")[0]
    assert [column.name for column in table.columns] == [
        "case", "SM clock (MHz)", "memory clock (MHz)", "power (W)", "°C", "slowed by",
    ]  # fmt: skip
    assert {row[1:] for row in table.rows} == {(1410, 2619, 512, 61, "power cap (50 %)")}
    assert "average power over a second" in table.caption


def test_no_table_of_a_gpu_is_too_wide():
    run = on_a_gpu(reasons=0x4)
    blocks = contents(run).walk()
    assert all(len(block.columns) <= 8 for block in blocks if isinstance(block, Table))


def test_a_clock_that_moves_is_to_be_locked_and_one_that_does_not_is_not_spoken_of():
    (moving, *_), (steady, *_) = (
        tables(on_a_gpu(clocks), "device") for clocks in ((1410, 1980), (1965, 1980))
    )
    assert "went from 1,410 to 1,980 MHz" in moving.caption
    assert "nvidia-smi -lgc MHZ" in moving.caption
    assert "-lgc" not in steady.caption
    assert {row[-1] for row in steady.rows} == {"nothing"}


def test_the_clock_is_that_of_the_kernels_where_these_were_timed_alone():
    run = on_a_gpu(kernel=(1755, 1755))
    assert {row[-5] for row in tables(run, "device")[0].rows} == {1755}


def environment(run):
    (table,) = tables(run, "environment")
    return dict(table.rows)


def test_the_environment_has_the_clock_under_load_and_not_that_of_the_idle_gpu():
    said = environment(on_a_gpu())
    assert said["gpu_clock_mhz under load"] == "1,410 to 1,980, median 1,410"
    assert said["gpu_memory_clock_mhz under load"] == "2,619 to 2,619, median 2,619"
    assert said["gpu_temperature_c under load"].startswith("60 to 61")
    assert not {"gpu_clock_mhz", "gpu_memory_clock_mhz", "gpu_temperature_c"} & said.keys()
    assert said["gpu_clock_max_mhz"] == "1980"


def test_where_no_sample_tells_the_clock_that_of_the_start_is_shown():
    said = environment(on_a_gpu(told=False))
    assert said["gpu_clock_mhz"] == "345"
    assert tables(on_a_gpu(told=False), "device") == []


def test_a_cpu_has_no_such_table_and_the_frame_of_a_gpu_has_the_columns():
    assert tables(whole_run(), "device") == []
    frame = on_a_gpu(reasons=0x40).to_frame()
    timed = frame[frame.seconds_median.notna()].iloc[0]
    assert (timed.sm_clock_mhz, timed.power_watts, timed.temperature_c) == (1410, 512, 61)
    assert timed.slowed_by == "hardware thermal slowdown (50 %)"
    assert "power_watts" not in whole_run().to_frame()


def test_the_table_of_cases_of_a_gpu_follows_its_schema():
    check = Draft202012Validator(case_schema())
    table = cases_table(on_a_gpu())
    keys = [column.key for column in table.columns]
    for row in table.rows:
        named = dict(zip(keys, row, strict=True))
        assert [error.message for error in check.iter_errors(named)] == []
