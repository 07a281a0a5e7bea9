"""The last section of a report: the environment, what its numbers mean, how to make it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convbench.core import text as show
from convbench.counting.tally import Tally, Unavailable
from convbench.report import results
from convbench.report.device import facts_under_load
from convbench.report.document import (
    Bullet,
    Bullets,
    Code,
    Column,
    Heading,
    Paragraph,
    Table,
    folded,
)
from convbench.report.findings import main_group
from convbench.report.groups import conventions, timed_rows
from convbench.report.large import MANY_GROUPS
from convbench.runs.columns import LISTED, TIME
from convbench.runs.frame import counters
from convbench.runs.titles import slot_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.document import Block
    from convbench.report.groups import Group
    from convbench.runs.frame import Row
    from convbench.runs.record import Run

IN_FORCE: Final = (
    "grad_mode", "deterministic_algorithms", "default_dtype", "autocast", "matmul_precision",
    "mkldnn_enabled", "flush_denormal", "interop_threads", "cudnn_enabled", "cudnn_benchmark",
    "cudnn_deterministic", "tf32",
)  # fmt: skip
"""Settings of torch that `clock.settings` sets and reads, in the order of the table."""
_NOTHING: Final = ("none", "unknown", "not known")
"""Values of facts about the machine that share a row."""


RULES: Final = {
    "1 MAC": (
        "one multiplication and the addition that goes with it; FLOPs elsewhere may be once or "
        "twice as many."
    ),
    "Convolution": (
        "B·N·(C/G)·|K|·|O| multiplications for batch B, C input and N output channels, G groups, "
        "|K| taps and |O| output positions, taps on padding included."
    ),
    "Transposed convolution": "B·C·(N/G)·|K|·|I| multiplications, for |I| input positions.",
    "Bias, normalisation, activation, pooling, resizing": (
        "no multiplications; a bias is an addition for each output element."
    ),
    "Counters": (
        "compared with the formula on what both count, the multiplications of convolutions and "
        "matrix products."
    ),
    "A weight used several times": (
        "counts its parameters once and its multiplications every time."
    ),
    "Not the same function": (
        "types in one slot have equal input and output shapes. What each does to the accuracy of "
        "a network is not measured."
    ),
}
"""The counting rules in a reader's words; they stand in full in `convbench.core.costs`."""


def measured_section(run: Run, every: Sequence[Group]) -> tuple[Block, ...]:
    """Return the environment, the conventions and the command, each folded."""
    return (
        Heading(level=2, text="How this was measured"),
        *folded("Environment: machine, libraries, settings", [_environment(run, every)]),
        *folded("Conventions of counts and times", [_conventions(run, every)]),
        *folded("How to make this again", _again(run)),
    )


def _environment(run: Run, every: Sequence[Group]) -> Table:
    header = run.header
    known: dict[str, Any] = {
        "started": header.started,
        "convbench": header.version,
        "seed": header.seed,
        "schema of the run": header.schema,
        **_flat(facts_under_load(run, every)),
        **_in_force(run),
    }
    rows: dict[str, str] = {}
    without: dict[str, list[str]] = {}
    for key, value in known.items():
        text = show.cell(value, "text")
        if text in _NOTHING:
            without.setdefault(text, []).append(key)
        else:
            rows[key] = text
    rows |= {", ".join(keys): text for text, keys in without.items()}
    return Table(
        id="environment",
        caption="",
        columns=(Column(name="what", key="key"), Column(name="value", key="value")),
        rows=tuple(rows.items()),
    )


def _in_force(run: Run) -> dict[str, Any]:
    """Return the settings under which everything was timed, where they were the same throughout."""
    seen: dict[str, set[str]] = {}
    for record in run.records:
        for key in record.ran.keys() & set(IN_FORCE):
            seen.setdefault(key, set()).add(record.ran[key])
    told = {key: "; ".join(sorted(seen[key])) for key in IN_FORCE if key in seen}
    return {"settings in force": told} if told else {}


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = "not known" if value is None else value
    return found


_OF_DETAILS: Final = {
    **{column.name.capitalize(): f"{LISTED[column.key].note}." for column in results.COUNTS},
    "Spread": "median absolute deviation within a process, in percent of the time.",
    "Sample": "a block of calls that are timed together. The first call, which pays for what is "
    "set up once, is kept apart.",
}


_REMARKS_OF_A_GPU: Final = (
    "Launch-bound: launching a call takes longer than its kernels. Kernels not timed: they could "
    "not be captured in a CUDA graph, so the time is event time; partly timed: in some processes "
    "alone. Contaminated is also what was "
    "timed at a low clock. Clock held down: by heat or power. Algorithms differ: libraries chose "
    "other kernels in some processes. Faster algorithm: one ran that multiplies less (Winograd, "
    "FFT). Above the peak: more than the measured peak rate, and no such algorithm is known to "
    "have run. Clocks: times contradict one another. Precision: the "
    "names of the kernels say that they multiply another type than was asked for. "
)


def _conventions(run: Run, every: Sequence[Group]) -> Bullets:
    words = conventions(timed_rows(every))
    told = {
        **RULES,
        "Time of a call": f"{TIME}, so that every time here was measured.",
        "±": "95 % interval for the time of one more process (of one process: for the quantile of "
        "its rounds); how much processes differ is estimated from all cases of a group.",
        "Time ratio": "the median of the ratios that the processes measured, with the 95 % "
        "interval for that median; of one process, over its rounds.",
        **_short_names(every),
        "Remarks": "contaminated: other programs took time from many samples. Outliers: many "
        "samples far from the rest. Disturbed: processes far from the others. Not settled: the "
        f"warm-up was too short. {_REMARKS_OF_A_GPU if words else ''}tables/cases.csv has the "
        "numbers (flags).",
        **(_OF_DETAILS if len(every) <= MANY_GROUPS else {}),
        **_of_the_device(timed_rows(every)),
    }
    items = [Bullet(lead=lead, text=text) for lead, text in told.items()]
    items += [Bullet(lead=name, text=text) for name, text in _counter_conventions(run)]
    return Bullets(items=tuple(items))


def _short_names(every: Sequence[Group]) -> dict[str, str]:
    """Return what the short name of a slot is for, by the example of the main group."""
    main = main_group(every)
    if main is None:
        return {}
    slot = main.rows[0].record.slot
    text = f"files and --only call the slot {slot_title(main.rows[0].record)} “{slot}”."
    return {"Short names": text}


def _of_the_device(rows: Sequence[Row]) -> dict[str, str]:
    """Return what holds for times with cold caches and on a GPU, where there are any."""
    told = {}
    pools = {row.record.samples[0].pool_bytes for row in rows} - {0}
    if pools:
        told["Cold caches"] = (
            f"{max(pools) / 2**20:,.0f} MiB were read before every sample, and every call of a "
            "sample used another copy; the time is without that."
        )
    if words := conventions(rows):
        told["Times of a GPU"] = (
            f"{' '.join(words)} No ratio is made of a kernel time and an event time. Section “What "
            "launching costs” has both, and the times of the host."
        )
    return told


def _counter_conventions(run: Run) -> list[tuple[str, str]]:
    """Return what each counter says of itself, once for each convention it declared."""
    found: dict[tuple[str, str], None] = {}
    for name in counters(run):
        tallies = [r.tallies[name] for r in run.records if name in r.tallies]
        for tally in tallies:
            if isinstance(tally, Tally):
                said = tally.convention
                source = f" ({said.source})" if said.source else ""
                text = (
                    f"reports {said.unit}; for elementwise work: {said.elementwise}; "
                    f"transposed convolutions on the {said.transposed}{source}."
                )
                found[name, text] = None
        if all(isinstance(tally, Unavailable) for tally in tallies):
            reasons = list(dict.fromkeys(t.reason for t in tallies if isinstance(t, Unavailable)))
            found[name, f"could not count anything in this run: {show.listing(reasons, 3)}"] = None
    return list(found)


def _again(run: Run) -> tuple[Block, ...]:
    text = (
        "Every case with every column is in tables/cases.csv, which the csv format writes. "
        "convbench report makes this page again from the run's files, without measuring."
    )
    command = run.header.command or "the run does not say which command made it"
    return Code(text=command), Paragraph(text=text)
