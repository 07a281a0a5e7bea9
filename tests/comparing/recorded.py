"""Sides to compare, made of what real runs said, or of numbers written down.

recorded.json holds six runs of benchmarks/compare/hundred.toml, made one after the other with
nothing changed between them, while other work kept both cores busy: for each of 102 cases, of each
of three processes, the median in seconds and the share of samples in which something else had a
hand (`python benchmarks/compare FOLDER --times FILE` writes the like of runs of today).
"""

import json
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

from convbench.clock.samples import Samples
from convbench.comparing.sides import Side
from convbench.core.costs import Cost
from convbench.counting.tally import Convention, Tally
from convbench.runs.record import Header, Record

ENVIRONMENT = {"cpu": "An Invented CPU", "torch": "2.13.0", "device": "cpu", "load_1min": 0.1}


def samples(seconds, dirty=0.0, session="1"):
    """Return what one process said: rounds of the same time, in a share of which it waited."""
    rounds = 20 if dirty else 5
    waited = (seconds / 2,) * round(dirty * rounds)
    return Samples(
        seconds=(seconds,) * rounds, cpu_seconds=(seconds,) * rounds, page_faults=(0,) * rounds,
        involuntary_switches=(0,) * rounds, block=1, first_call=seconds, warmup_calls=1,
        stopwatch="wall", seed=0, threads=1, session=session, stop_reason="enough",
        waited_seconds=waited + (0.0,) * (rounds - len(waited)) if dirty else (),
    )  # fmt: skip


def rounds(one, number):
    """Return fields of samples that hold the first rounds alone."""
    names = ("seconds", "cpu_seconds", "page_faults", "involuntary_switches", "waited_seconds")
    return {name: getattr(one, name)[:number] for name in names}


def cost(multiplications=1000, **changes):
    values = dict.fromkeys(
        ("multiplications_valid", "additions", "parameters", "elementwise", "reads", "writes",
         "activations"), 10,
    )  # fmt: skip
    return Cost(multiplications=multiplications, **{**values, **changes})


def tally(macs, counter="torch"):
    return Tally(
        counter=counter, macs=macs, by_operator={"conv": macs}, by_module={"": macs},
        convention=Convention(unit="1 per multiply-accumulate", elementwise="nothing"),
    )  # fmt: skip


def record(label="standard", seconds=(), slot="3→8 k3 @7×7 b1", run=0, **changes):
    """Return a record of a case; seconds: of each process the median, and maybe how dirty."""
    group = changes.pop("group", f"{slot} · cpu · float32 · channels_first · 1 thread")
    values = {
        "case": f"{label} | {group}", "group": group, "slot": slot, "kind": "type",
        "name": label, "label": label, "knobs": {}, "spec": None, "input_shape": (1, 3, 7, 7),
        "device": "cpu", "dtype": "float32", "layout": "channels_first", "threads": 1,
        "status": "ok", "cost": cost(), "tallies": {"torch": tally(1000)},
        "samples": tuple(
            samples(*one, session=f"{run} {group} {number}") if isinstance(one, list)
            else samples(one, session=f"{run} {group} {number}")
            for number, one in enumerate(seconds)
        ),
    }  # fmt: skip
    return Record(**{**values, **changes})


def header(**changes):
    values = {
        "version": "0.1.0", "suite": {"name": "s", "cases": 1}, "seed": 0, "command": "convbench",
        "started": "2026-01-01T00:00:00+00:00", "fingerprint": dict(ENVIRONMENT),
    }  # fmt: skip
    return Header(**{**values, **changes})


def side(*records, name="a", **changes):
    return Side(name=name, header=header(**changes), records=tuple(records))


@cache
def recorded():
    path = Path(__file__).with_name("recorded.json")
    return json.loads(path.read_text(encoding="utf-8"))


def real(number):
    """Return the side that a recorded run is, 0 to 5."""
    return side(
        *(
            record(case["label"], case["runs"][number], case["slot"], number, group=case["group"])
            for case in recorded()
        ),
        name=f"run {number}",
    )


def drawn(seed):
    """Return two sides put together from the groups of recorded runs, each group's from two runs.

    What a run's luck does to a case stays in: a group's processes stay with their run.
    """
    draw = random.Random(seed)
    chosen = {case["group"]: None for case in recorded()}
    chosen = {group: draw.sample(range(6), 2) for group in chosen}
    return tuple(
        side(
            *(
                record(
                    case["label"],
                    case["runs"][chosen[case["group"]][half]],
                    case["slot"],
                    group=case["group"],
                    run=chosen[case["group"]][half],
                )
                for case in recorded()
            ),
            name="ab"[half],
        )
        for half in (0, 1)
    )


def slower(one, label, factor):
    """Return the side with all of a type's times multiplied."""
    return replace(
        one, records=tuple(times(r, factor) if r.label == label else r for r in one.records)
    )


def times(one, factor):
    """Return the record with all its times multiplied."""
    return replace(one, samples=tuple(times_of(s, factor) for s in one.samples))


def times_of(one, factor):
    """Return the samples with all times multiplied."""
    names = ("seconds", "cpu_seconds", "waited_seconds")
    return replace(one, **{n: tuple(v * factor for v in getattr(one, n)) for n in names})


def busy(one):
    """Return the record as a run has it in which other load took most of every sample."""
    disturbed = (replace(s, waited_seconds=tuple(0.9 * t for t in s.seconds)) for s in one.samples)
    return replace(one, status="invalid", reason="busy", samples=tuple(disturbed))
