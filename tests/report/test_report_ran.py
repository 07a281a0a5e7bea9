"""What ran: the table of a group, the columns of the frame, and a reason where it is not known."""

from dataclasses import replace

import pandas as pd
from report.report_runs import whole_run

from convbench.clock.execution import Execution, Kernel
from convbench.report.contents import contents
from convbench.report.document import Fold, Table


def kernel(operator, implementation, seconds, calls=1):
    return Kernel(operator=operator, backend="oneDNN", implementation=implementation, layouts="",
                  reorder=operator == "reorder", calls=calls, seconds=seconds)  # fmt: skip


KNOWN = Execution(
    kernels=(kernel("reorder", "jit:blk", 2.0, 3), kernel("convolution", "x64:gemm:jit", 5.0)),
    passes=5,
)
UNKNOWN = Execution(reason="a training step: only forward passes are observed")


def run(**executions):
    whole = whole_run()
    return replace(
        whole,
        records=tuple(
            replace(r, execution=executions.get(r.name) if r.samples else None)
            for r in whole.records
        ),
    )


def folds(document):
    return [block for block in document.walk() if isinstance(block, Fold)]


def test_a_group_has_a_row_for_each_case_of_which_something_is_known():
    document = contents(run(standard=KNOWN, lite=UNKNOWN))
    fold = next(one for one in folds(document) if one.summary == "What ran in each case")
    (table,) = fold.blocks
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["standard"] == ("oneDNN x64:gemm:jit (im2col and GEMM)", 4, 3, 7.0, 2.0)
    assert rows["lite"] == (f"not known: {UNKNOWN.reason}", None, None, None, None)
    assert set(rows) == {"standard", "lite"}
    assert "without an interval" in table.caption


def test_a_run_from_before_it_was_recorded_has_no_such_table():
    tables = {b.id for b in contents(whole_run()).walk() if isinstance(b, Table)}
    assert "ran" not in tables


def test_the_networks_have_theirs():
    document = contents(run(osnet_x1_0=KNOWN))
    assert "What ran in each network" in {one.summary for one in folds(document)}


def test_the_frame_has_the_calls_and_why_they_are_not_known():
    frame = run(standard=KNOWN, lite=UNKNOWN).to_frame()
    known = frame[(frame.name == "standard") & frame.seconds_median.notna()].iloc[0]
    assert known.implementations == "oneDNN x64:gemm:jit (im2col and GEMM)"
    assert (known.calls, known.reorders) == (4, 3)
    assert (known.seconds_calls, known.seconds_reorders) == (7.0, 2.0)
    other = frame[(frame.name == "lite") & frame.seconds_median.notna()].iloc[0]
    assert other.calls_unknown_because == UNKNOWN.reason
    assert pd.isna(other.calls)


def on_a_gpu():
    """Return a run of a GPU, of which one case chose other kernels in one process."""
    names = ("sm80_xmma_fprop", "ampere_scudnn_winograd_128x128")
    kernels = [
        Kernel(operator="cudnn_convolution", backend="cuDNN", implementation=names[0], layouts="",
               reorder=False, calls=1, seconds=5.0, tensor_cores=True),
    ]  # fmt: skip
    known = Execution(kernels=tuple(kernels), passes=3)

    def told(record):
        chosen = [
            replace(one, kernels=(names[place == 0],)) for place, one in enumerate(record.samples)
        ]
        known_of = known if record.name == "standard" else None
        return replace(record, device="cuda:0", samples=tuple(chosen), execution=known_of)

    whole = whole_run()
    return replace(whole, records=tuple(told(r) if r.samples else r for r in whole.records))


def test_a_gpu_has_tensor_cores_and_how_many_choices_there_were():
    run = on_a_gpu()
    fold = next(one for one in folds(contents(run)) if one.summary == "What ran in each case")
    (table,) = fold.blocks
    assert [column.key for column in table.columns][-2:] == ["tensor_cores", "kernel_choices"]
    assert {row[0]: row[-2:] for row in table.rows} == {"standard": ("yes", 2)}
    assert "“algorithms differ”" in table.caption
    frame = run.to_frame()
    timed = frame[(frame.name == "standard") & frame.seconds_median.notna()].iloc[0]
    assert (timed.tensor_cores, timed.kernel_choices) == ("yes", 2)
    assert "tensor_cores" not in whole_run().to_frame(), "a CPU has none"
