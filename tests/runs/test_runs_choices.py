"""What a run is asked to do, and what follows from it."""

import pytest
import torch

from convbench.clock.stopwatch import STOPWATCHES, WallStopwatch
from convbench.core.errors import SuiteError, UnknownNameError
from convbench.machine import device
from convbench.runs.choices import Request, checked_stopwatch, choose


def test_the_devices_own_stopwatch_by_name_is_as_if_it_were_not_named():
    assert checked_stopwatch("wall", "cpu") == checked_stopwatch(None, "cpu") == ""


@pytest.fixture
def gpu(monkeypatch):
    """Have torch tell of a GPU; return how to set its compute capability."""
    monkeypatch.setattr(device, "resolve_device", lambda _: "cuda:0")
    capability = [(9, 0)]
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability[0])
    return lambda *version: capability.__setitem__(0, version)


def chosen(**axes):
    return choose(Request(suite="quick", axes=axes)).axes


def test_a_gpu_is_timed_as_it_is_deployed_unless_something_else_is_asked_for(gpu):
    usual = chosen()
    assert (usual["dtype"], usual["layout"]) == (("tf32", "bfloat16"), ("channels_last",))
    asked = chosen(dtype=("float32",))
    assert (asked["dtype"], asked["layout"]) == (("float32",), ("channels_last",))
    gpu(7, 5)
    assert chosen()["dtype"] == ("float32", "float16")
    with pytest.raises(SuiteError, match=r"tf32 was asked for, and cuda:0 has none.*Give --dtype"):
        chosen(dtype=("tf32",))


def test_a_suite_keeps_its_own_axes_on_a_gpu_and_slots_of_one_axis_their_only_layout(gpu, tmp_path):
    slot = '[[slots]]\nin_channels = 4\nout_channels = 4\ninput_size = "64"\nkernel_size = 3\n'
    file = tmp_path / "mine.toml"
    file.write_text('[axes]\ndtype = "float16"\n' + slot)
    axes = choose(Request(suite=str(file))).axes
    assert (axes["dtype"], axes["layout"]) == (("float16",), ("channels_first",))


def test_a_cpu_is_timed_as_before():
    axes = choose(Request(suite="quick", device="cpu")).axes
    assert (axes["dtype"], axes["layout"]) == (("float32",), ("channels_first",))


def test_a_stopwatch_that_cannot_be_made_is_told_before_the_run():
    def broken(device):
        raise TypeError("needs a licence")

    class Mine(WallStopwatch):
        name = "mine"

    STOPWATCHES.register("broken")(broken)
    STOPWATCHES.register("mine")(lambda device: Mine())
    try:
        with pytest.raises(SuiteError, match="broken does not go with --device cpu: needs a lic"):
            checked_stopwatch("broken", "cpu")
        assert checked_stopwatch("mine", "cpu") == "mine"
    finally:
        STOPWATCHES.remove("broken")
        STOPWATCHES.remove("mine")
    with pytest.raises(UnknownNameError):
        checked_stopwatch("mine", "cpu")
