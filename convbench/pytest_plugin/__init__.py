"""The pytest plugin: the fixture `convbench`, its marker, and `pytest --convbench`.

    def test_my_block(convbench):
        convbench.assert_multiplications(block, inputs, 978_875_392)

    @pytest.mark.convbench(seconds=5, processes=5)
    def test_it_pays(convbench):
        convbench.assert_faster((mine, inputs), (theirs, inputs), by=1.2)

Counts are exact and cheap, so assertions about them always run. Times are neither: what asks for
them is skipped unless `--convbench` is given, and skipped as inconclusive where the interval of the
measured ratio includes the required one; `--convbench-strict` makes that a failure. With
`--convbench-out=DIR` all that was measured, results of pytest-benchmark too, is a run folder.

pytest loads this wherever convbench is installed: it imports nothing heavy, and until it is asked
for something it costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from convbench.pytest_plugin.fixture import Convbench
from convbench.pytest_plugin.options import MARKER, check_folder, parallel, read_marker, strict

if TYPE_CHECKING:
    from convbench.pytest_plugin.session import Session

__all__ = ["Convbench"]

SESSION: Final[pytest.StashKey[Session]] = pytest.StashKey()
NOT_ASKED: Final = "timing assertions run with --convbench"
PARALLEL: Final = (
    "timing assertions disturb one another under pytest-xdist: run them without -n, or with -n 0"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --convbench, --convbench-out and --convbench-strict."""
    group = parser.getgroup("convbench", "what convolutions cost (convbench)")
    group.addoption(
        "--convbench", action="store_true", help="run timing assertions, and print their results"
    )
    group.addoption(
        "--convbench-out",
        metavar="DIR",
        help="store what is measured, results of pytest-benchmark too, as a run in this folder; "
        "a run that is there is moved aside. Implies --convbench",
    )
    group.addoption(
        "--convbench-strict",
        action="store_true",
        help="fail inconclusive timing assertions instead of skipping them",
    )
    parser.addini(
        "convbench_strict",
        "fail inconclusive timing assertions, as --convbench-strict does",
        type="bool",
        default=False,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and where it was asked for, what a session keeps."""
    config.addinivalue_line("markers", MARKER)
    out = config.getoption("convbench_out")
    if out == "":
        raise pytest.UsageError(
            "--convbench-out is given no folder: name one, or leave the option out."
        )
    if not (config.getoption("convbench") or out):
        return
    from convbench.pytest_plugin.session import Session

    on_worker = hasattr(config, "workerinput")
    folder = None if out is None else config.invocation_params.dir / out
    if folder is not None and not on_worker:
        check_folder(folder)
    session = Session(
        out=None if on_worker else folder,  # a run folder has one writer
        shown=out or "",
        arguments=config.invocation_params.args,
        parallel=parallel(config),
    )
    config.stash[SESSION] = session
    config.pluginmanager.register(session, "convbench-session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a marker with invalid arguments, before anything runs."""
    for item in items:
        if item.get_closest_marker("convbench") is not None:
            read_marker(item)


@pytest.fixture
def convbench(request: pytest.FixtureRequest) -> Convbench:
    """Counts and times of convolutions, and of anything else: see `convbench.pytest_plugin`."""
    config = request.config
    session = config.stash.get(SESSION, None)
    apart = PARALLEL if parallel(config) else ""
    return Convbench(
        test=request.node.nodeid,
        timing=read_marker(request.node),
        session=session,
        refusal=NOT_ASKED if session is None else apart,
        strict=strict(config),
    )
