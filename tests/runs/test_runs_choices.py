"""What a run is asked to do, and what follows from it."""

import pytest

from convbench.clock.stopwatch import STOPWATCHES, WallStopwatch
from convbench.core.errors import SuiteError, UnknownNameError
from convbench.runs.choices import checked_stopwatch


def test_the_devices_own_stopwatch_by_name_is_as_if_it_were_not_named():
    assert checked_stopwatch("wall", "cpu") == checked_stopwatch(None, "cpu") == ""


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
