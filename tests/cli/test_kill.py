"""A run that is killed is in the end the run that nobody killed, whatever became of its folder."""

import pytest

pytest.importorskip("resource", reason="this system has no signals to kill by")
from cli import killing

KILL, TERM, INT = killing.SIGNALS
RUNS = [
    # what becomes of the folder, after which line, and when the run is killed and how
    (killing.nothing, 1, [(KILL, 1), (TERM, 3), (INT, 5), (KILL, 7)]),
    (killing.moved, 2, [(KILL, 4)]),
    (killing.replaced, 2, [(TERM, 4)]),
    (killing.read_only, 2, [(INT, 4)]),
    (killing.limited, 2, [(KILL, 12)]),
    (killing.full, 2, [(KILL, 12)]),
]


@pytest.mark.parametrize(("way", "first", "kills"), RUNS, ids=[row[0].__name__ for row in RUNS])
def test_kills_lose_nothing_and_repeat_nothing(way, first, kills, tmp_path):
    try:
        held = killing.kill(tmp_path, way, first, kills)
    except killing.NotHereError as why:
        pytest.skip(str(why))
    assert held == sorted(held)
    assert held[0] >= first
