"""`convbench probe`: what it keeps, for which machine, and what a run takes of it."""

import json
from dataclasses import replace

import pytest

from convbench.machine import probe as probing
from convbench.machine.ceilings import MEMORY, Ceiling, Level, measure_ceiling
from convbench.machine.probe import IDENTITY, Probe, ceilings, identity, kept, path

FACTS = {"cpu": "one", "cores_physical": 2, "torch": "2.9", "threads": 1, "load_1min": 0.5}
LEVELS = (
    Level(name="L1", size=2**15, bytes_per_second=3e11),
    Level(name=MEMORY, size=None, bytes_per_second=2e10),
)
CEILING = Ceiling(
    device="cpu", dtype="float32", threads=1, multiplications_per_second=1e11,
    bytes_per_second=2e10, peak_of="a product", levels=LEVELS,
    convolution_seconds=4e-6, operator_seconds=1e-6, reorder_bytes_per_second=3e10,
    fault_seconds=2e-6,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def keep(facts=FACTS, machine=None, **changes):
    made = Probe(version="0", machine=machine or identity(facts), ceilings=(CEILING,))
    path(facts).parent.mkdir(parents=True, exist_ok=True)
    path(facts).write_text(json.dumps({**made.to_json(), **changes}))
    return made


def test_what_was_kept_is_found_again_on_the_same_machine():
    made = keep()
    assert kept(FACTS) == made
    assert kept({**FACTS, "load_1min": 3.0, "threads": 2}) == made, "neither is the machine"
    assert made.of("cpu", "float32", 1) == CEILING
    assert made.of("cpu", "float32", 2) is None


@pytest.mark.parametrize("other", [{"cpu": "another"}, {"torch": "2.10"}])
def test_another_machine_has_a_file_of_its_own_and_a_copied_one_is_refused(other):
    keep()
    facts = {**FACTS, **other}
    assert kept(facts) is None
    path(FACTS).rename(path(facts))
    assert kept(facts) is None, "the file says of which machine it is"


@pytest.mark.parametrize("changes", [{"schema": 2}, {"ceilings": [{}]}, {"format": "else"}])
def test_a_damaged_file_or_one_of_another_version_says_nothing(changes):
    keep(**changes)
    assert kept(FACTS) is None
    path(FACTS).write_text("{")
    assert kept(FACTS) is None


def test_the_machine_is_told_by_what_its_rates_depend_on():
    assert {"cpu", "cache_l2_kib", "torch", "mkldnn_version", "device", "cores_usable"} <= {
        *IDENTITY
    }
    assert not {"threads", "load_1min", "stopwatch", "python", "git_commit"} & {*IDENTITY}


def test_the_best_of_two_measurements_has_the_higher_rates_and_the_shorter_calls():
    other = replace(
        CEILING, multiplications_per_second=2e11, bytes_per_second=1e10, peak_of="a convolution",
        levels=(Level(name="L1", size=2**15, bytes_per_second=2e11),
                Level(name="L2", size=2**20, bytes_per_second=1e11)),
        convolution_seconds=5e-6, operator_seconds=None, fault_seconds=1e-6,
    )  # fmt: skip
    best = CEILING.best(other)
    assert best == other.best(CEILING)
    assert (best.multiplications_per_second, best.peak_of) == (2e11, "a convolution")
    assert [(one.name, one.bytes_per_second) for one in best.levels] == [
        ("L1", 3e11), ("L2", 1e11), (MEMORY, 2e10),
    ]  # fmt: skip
    assert (best.convolution_seconds, best.operator_seconds) == (4e-6, 1e-6)
    assert best.fault_seconds == CEILING.fault_seconds, "a difference, of the quicker one"
    with pytest.raises(ValueError, match="not measurements of one thing"):
        CEILING.best(replace(other, threads=2))


def test_a_run_measures_only_what_was_not_probed(monkeypatch):
    keep()
    asked = []

    def measured(device, dtype, threads):
        asked.append((device, dtype, threads))
        if dtype == "float16":
            raise RuntimeError("no such kernel")
        return replace(CEILING, dtype=dtype, threads=threads)

    monkeypatch.setattr(probing, "measure_ceiling", measured)
    kinds = (("float32", 1), ("bfloat16", 1), ("float16", 1))
    found = ceilings("cpu", kinds, FACTS)
    assert [one.dtype for one in found] == ["float32", "bfloat16"]
    assert asked == [("cpu", "bfloat16", 1), ("cpu", "float16", 1)]


def test_everything_is_measured_on_a_real_machine():
    told = []
    found = measure_ceiling("cpu", "float32", 1, 0.001, told.append)
    assert found.peak_of in told
    assert found.levels[-1] == Level(
        name=MEMORY, size=None, bytes_per_second=found.bytes_per_second
    )
    assert 0 < found.operator_seconds < 1
    assert 0 < found.convolution_seconds < 1
    assert found.reorder_bytes_per_second > 0
    assert found.fault_seconds >= 0
    assert Ceiling.from_json(found.to_json()) == found
